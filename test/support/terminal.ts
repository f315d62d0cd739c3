/** A real terminal for tests: a program in tmux on a socket of its own, keys sent, the screen read. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { until } from './system.js';

/** False, with one `skipped:` line, where tmux is not installed. */
export function terminalAvailable(): boolean {
  if (spawnSync('tmux', ['-V']).status === 0) return true;
  console.log('skipped: tmux is not installed');
  return false;
}

export interface Terminal {
  /** Types text as it stands. */
  type(text: string): void;
  /** Presses keys by tmux's names: `Enter`, `C-c`, `Up`, `Tab` … */
  press(...keys: readonly string[]): void;
  /** The screen's lines, trailing blanks removed. */
  screen(): string;
  /** Resolves when the screen matches. */
  shows(pattern: RegExp): Promise<void>;
  /** The process that runs in the terminal; undefined once it has ended. */
  pid(): number | undefined;
  /** Resolves when the terminal has that size: tmux puts off a change that follows another closely. */
  resize(columns: number, rows: number): Promise<void>;
  close(): void;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

export function openTerminal(argv: readonly string[], options: TerminalOptions): Terminal {
  const { cwd, env, columns = 100, rows = 30 } = options;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-tmux-'));
  const socket = path.join(directory, 'socket');
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { ...env, TERM: 'xterm-256color', SHELL: '/bin/sh' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const size = ['-x', String(columns), '-y', String(rows)];
  tmux('new-session', '-d', ...size, '-c', cwd, `exec ${quoted}`, ';', 'set-option', '-g', 'remain-on-exit', 'on');
  const screen = () => tmux('capture-pane', '-p').replace(/[ \n]+$/, '');
  return {
    type: (text) => {
      tmux('send-keys', '-l', text);
    },
    press: (...keys) => {
      tmux('send-keys', ...keys);
    },
    screen,
    shows: (pattern) =>
      until(() => pattern.test(screen()), `the terminal shows ${pattern}`).catch((error: Error) => {
        throw new Error(`${error.message}; it shows:\n${screen()}`);
      }),
    pid: () => {
      const [pid, dead] = tmux('list-panes', '-F', '#{pane_pid} #{pane_dead}').trim().split(' ');
      return dead === '1' ? undefined : Number(pid);
    },
    resize: async (toColumns, toRows) => {
      tmux('resize-window', '-x', String(toColumns), '-y', String(toRows));
      const tty = tmux('list-panes', '-F', '#{pane_tty}').trim();
      const size = () => execFileSync('stty', ['-F', tty, 'size'], { encoding: 'utf8' }).trim();
      await until(() => size() === `${toRows} ${toColumns}`, 'the terminal has its new size');
    },
    close: () => {
      spawnSync('tmux', ['-S', socket, 'kill-server']);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
