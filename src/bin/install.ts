/** `oneos install`: a systemd unit that starts this machine's runtime with the machine (systemd.service(5), systemd.exec(5)). */
import { mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeDurably } from '../bus/durable-file.js';
import { WireError } from '../wire/errors.js';
import { type Membership, readMembership } from './home.js';

export interface UnitOptions {
  readonly home: string;
  /** For the user's own service manager. */
  readonly user: boolean;
  /** Node.js and the bundle that it runs. */
  readonly program: readonly [string, string];
  /** Who the runtime runs as, unless `user`. */
  readonly account: string;
  readonly membership: Pick<Membership, 'name' | 'broker' | 'embedded'>;
}

/** What a file of ours begins with: another's is not replaced. */
const mark = '# Made by oneos install; made again it is replaced.\n';

/** A word as systemd reads it back: quoted, `%` and (where variables are) `$` doubled. @throws WireError EINVAL for a line end */
function word(text: string, variables: boolean): string {
  if (/[\r\n\0]/.test(text)) throw new WireError('EINVAL', `${JSON.stringify(text)} cannot be part of a unit`);
  const plain = text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%');
  return `"${variables ? plain.replaceAll('$', '$$$$') : plain}"`;
}

/** Holds for programs that it runs too. What they need stays: devices, `/tmp` that is everybody's, code made at run time. */
const hardening = {
  both: [
    'NoNewPrivileges=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'RestrictRealtime=yes',
    'SystemCallArchitectures=native',
  ],
  /** A user's manager may not. */
  system: ['ProtectSystem=full', 'ProtectKernelModules=yes', 'ProtectKernelLogs=yes', 'ProtectHostname=yes'],
} as const;

/** The text of the unit. @throws WireError EINVAL */
export function unitText({ home, user, program, account, membership }: UnitOptions): string {
  const { name, broker, embedded } = membership;
  // Where the embedded broker listens is asked for at each start.
  const listen = embedded ? ['--listen', new URL(broker).host] : [];
  const command = [...program, 'up', ...listen].map((each) => word(each, true)).join(' ');
  return `${mark}[Unit]
Description=onesh runtime ${name}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${command}
Environment=${word(`ONESH_HOME=${home}`, false)}
${user ? '' : `User=${account}\n`}Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec=15
${[...hardening.both, ...(user ? [] : hardening.system)].join('\n')}

[Install]
WantedBy=${user ? 'default.target' : 'multi-user.target'}
`;
}

/** Where units are that an administrator, or a user, adds (systemd.unit(5)). */
const directoryOf = (user: boolean): string =>
  user
    ? path.join(process.env.XDG_CONFIG_HOME || path.join(os.homedir(), '.config'), 'systemd/user')
    : '/etc/systemd/system';

/** @throws WireError ENOTCONN when this machine is in no cluster; EEXIST, EACCES: the file; EINVAL */
export async function install(options: {
  readonly home: string;
  readonly dist: string;
  readonly user: boolean;
  /** Only show it. */
  readonly print: boolean;
  readonly json: boolean;
}): Promise<number> {
  const { home, user, print, json } = options;
  const membership = readMembership(home);
  if (membership === undefined)
    throw new WireError('ENOTCONN', `this machine is in no cluster yet (${home}): begin with oneos up, or oneos join`);
  const text = unitText({
    home: path.resolve(home),
    user,
    program: [process.execPath, path.join(options.dist, 'oneos.cjs')],
    account: os.userInfo().username,
    membership,
  });
  const file = path.join(directoryOf(user), 'onesh.service');
  if (!print) {
    await put(file, text);
  }
  if (json) process.stdout.write(`${JSON.stringify({ file, written: !print, unit: text }, undefined, 2)}\n`);
  else if (print) process.stdout.write(text);
  else {
    const systemctl = user ? 'systemctl --user' : 'systemctl';
    process.stdout.write(`${file}\nStart it with: ${systemctl} daemon-reload && ${systemctl} enable --now onesh\n`);
  }
  return 0;
}

async function put(file: string, text: string): Promise<void> {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    if (!readFileSync(file, 'utf8').startsWith(mark))
      throw new WireError('EEXIST', `${file} is there already, and is not of oneos install`);
  } catch (error) {
    if (error instanceof WireError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw refused(file, error);
  }
  await writeDurably(file, text, 0o644).catch((error: unknown) => {
    throw refused(file, error);
  });
}

const refused = (file: string, error: unknown): WireError =>
  new WireError('EACCES', `${file}: cannot be written (${(error as NodeJS.ErrnoException).code})`, { cause: error });
