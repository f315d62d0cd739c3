/** A GPIO line, whatever drives it. */
export type Level = 0 | 1;

export interface GpioLine {
  read(): Level;
  write(level: Level): void;
  /** Calls `changed` with the level after each edge from now on, none lost. */
  watch(changed: (level: Level) => void, failed: (error: Error) => void): LineWatch;
  /** Gives the line back. */
  close(): void;
}

/** A line as a program has it, on whatever machine it is. */
export interface ProgramLine {
  readonly direction: 'in' | 'out';
  /** @throws WireError EIO when its machine is lost */
  read(): Level;
  write(level: Level): void | Promise<void>;
  watch(changed: (level: Level) => void, failed: (error: Error) => void): LineWatch;
  /** The program has done with it. */
  close(): void;
}

export interface LineWatch {
  /** The level when the watch began. */
  readonly level: Level;
  /** Holds edges back, or lets them go on; absent where edges do not wait. */
  hold?(on: boolean): void;
  stop(): void;
}
