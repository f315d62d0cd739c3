/**
 * Ends agents when their runtime is killed: a small shell that waits for the runtime's end of a pipe to close, which the kernel
 * does whatever the runtime died of, and then kills the process groups that the agents' pid files name.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** Where there is /proc, a process id that is another's by now is let be (field 22 of its stat is its start time). */
const script = `trap '' HUP INT TERM QUIT TSTP
while read -r line; do :; done
for file in "$1"/*/pid; do
  read -r pid start < "$file" || continue
  if [ -n "$start" ]; then
    read -r stat < "/proc/$pid/stat" || continue
    set -- "$1" \${stat##*) }
    shift 20
    now=$1
    set -- "\${file%/*/pid}"
    [ "$now" = "$start" ] || continue
  fi
  kill -s KILL -- "-$pid"
done`;

export class Guard {
  private child: ChildProcess | undefined;

  /** `directory`: the runtime's `agents/`. */
  constructor(private readonly directory: string) {}

  /** Starts guarding; called before the first agent starts. Without a shell there is none, and the next start cleans up. */
  start(): void {
    if (this.child !== undefined) return;
    const child = spawn('/bin/sh', ['-c', script, 'onesh-guard', this.directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
    });
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    child.unref();
    (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
    this.child = child;
  }

  /** Lets it go: there are no agents any more. */
  close(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}
