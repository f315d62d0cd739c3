/**
 * What users may do on one machine: a plain file that its owner keeps, `grants.json`. Who is not in it may do nothing.
 *
 *     {
 *       "owners": { "run": ["*"], "read": ["/"], "write": ["/"], "devices": ["*"] },
 *       "users": { "ann@laptop": { "run": ["node"], "read": ["/srv"], "write": ["/srv/ann"], "devices": ["sensor1"] } }
 *     }
 *
 * `owners`: the cluster's, whom its boot record names; an owner with an entry of their own has that instead.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { isDeviceName, isUserName, type UserName } from '../../wire/ids.js';

/** What one user may do. */
export interface Grant {
  /** Programs: `*`, a language (`node`, `python`, `wasm`, `shell`), a native program's absolute path, or a directory's with `/` at its end. */
  readonly run: readonly string[];
  /** Directories and files of the host that may be read, with all below them. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Devices by name; `*`: all. */
  readonly devices: readonly string[];
}

/** All that the runtime itself may do. */
const everything: Grant = { run: ['*'], read: ['/'], write: ['/'], devices: ['*'] };

const absolute = v.pipe(
  v.string(),
  v.check(
    (text) => path.posix.isAbsolute(text) && path.posix.normalize(text) === text,
    'must be a plain absolute path',
  ),
);
const program = v.union(
  [v.picklist(['*', 'node', 'python', 'wasm', 'shell']), absolute],
  'must be *, node, python, wasm, shell or an absolute path',
);
const device = v.pipe(
  v.string(),
  v.check((text) => text === '*' || isDeviceName(text), 'must be a device name or *'),
);
const grant = v.strictObject({
  run: v.optional(v.array(program), []),
  read: v.optional(v.array(absolute), []),
  write: v.optional(v.array(absolute), []),
  devices: v.optional(v.array(device), []),
});
const schema = v.strictObject({
  owners: v.optional(grant),
  users: v.optional(v.record(v.pipe(v.string(), v.check(isUserName, 'must be NAME@RUNTIME')), grant), {}),
});

/** Text of the file that a machine begins with: the cluster's owners and the machine's own user may do everything. */
export const firstGrants = (user: UserName): string => {
  // A line for each, as a person would write it who has to edit it.
  const grants = Object.entries(everything).map(([field, list]) => `${JSON.stringify(field)}: ${JSON.stringify(list)}`);
  const line = `{ ${grants.join(', ')} }`;
  return `{\n  "owners": ${line},\n  "users": {\n    ${JSON.stringify(user)}: ${line}\n  }\n}\n`;
};

/** The file as it is now: it is read again when it has changed. Until a mistake in it is mended, nobody may do anything. */
export class Grants {
  private seen = '';
  private all: v.InferOutput<typeof schema> = { users: {} };

  constructor(
    private readonly file: string,
    /** Told once of each version of the file that is wrong. */
    private readonly warn: (message: string) => void,
  ) {}

  of(user: UserName, isOwner: boolean): Grant | undefined {
    this.refresh();
    const { owners, users } = this.all;
    return Object.hasOwn(users, user) ? users[user] : isOwner ? owners : undefined;
  }

  /** Who may run any program. */
  openTo(): (UserName | 'owners')[] {
    this.refresh();
    const { owners, users } = this.all;
    const open = (each: Grant | undefined) => each?.run.includes('*') ?? false;
    const named = (Object.keys(users) as UserName[]).filter((user) => open(users[user]));
    return open(owners) ? ['owners', ...named] : named;
  }

  private refresh(): void {
    const found = statSync(this.file, { throwIfNoEntry: false, bigint: true });
    const version = found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    if (version === this.seen) return;
    this.seen = version;
    this.all = { users: {} };
    if (found === undefined) return;
    try {
      const parsed = v.safeParse(schema, JSON.parse(readFileSync(this.file, 'utf8')));
      if (parsed.success) this.all = parsed.output;
      else {
        const [issue] = parsed.issues;
        this.warn(`${this.file}: ${v.getDotPath(issue) ?? 'grants'}: ${issue.message}; nobody is granted anything`);
      }
    } catch (error) {
      this.warn(`${this.file}: ${(error as Error).message}; nobody is granted anything`);
    }
  }
}
