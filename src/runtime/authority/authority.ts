/**
 * Who may do what on this machine, checked here, where the things are (paper §3.4 has only membership). A request is for a
 * session; the session's login says which user; the machine's grants say what that user may do.
 */
import path from 'node:path';
import type { Logins } from '../../bus/logins.js';
import { WireError } from '../../wire/errors.js';
import type { FileRequest } from '../../wire/files.js';
import type { PlanAgent } from '../../wire/graph.js';
import type { RuntimeName, SessionId, UserName } from '../../wire/ids.js';
import type { Sender, SessionStatus, SpawnRequest } from '../../wire/messages.js';
import { findProgram } from '../drivers/native.js';
import { provide } from '../syscalls/files.js';
import { type Confined, confine, type Limits } from './confine.js';
import type { Grant, Grants } from './grants.js';

type MaybePromise<T> = T | Promise<T>;

/** True when `file` is `directory` or below it; both without symbolic links. */
const isWithin = (file: string, directory: string): boolean =>
  directory === '/' || file === directory || file.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

const allows = (grant: Grant, file: string, access: 'read' | 'write'): boolean =>
  grant[access].some((directory) => isWithin(file, directory));

const isFree = (grant: Grant): boolean => grant.read.includes('/') && grant.write.includes('/');

const nothing: Grant = { run: [], read: [], write: [], devices: [] };

export class Authority {
  constructor(
    private readonly name: RuntimeName,
    private readonly grants: Grants,
    private readonly logins: Logins,
    private readonly isOwner: (user: UserName) => boolean,
    /** True for the machine of the scheduler, which starts agents for sessions. */
    private readonly isScheduler: (runtime: RuntimeName) => boolean,
  ) {}

  /** Who may run any program here. */
  openTo(): (UserName | 'owners')[] {
    return this.grants.openTo();
  }

  hear(status: SessionStatus, from: Sender): void {
    this.logins.hear(status, from);
  }

  /** What the session's user may do. @throws WireError EACCES when the session is nobody's */
  private granted<T>(session: SessionId | undefined, use: (grant: Grant, user: UserName) => T): MaybePromise<T> {
    if (session === undefined) throw new WireError('EACCES', `${this.name} grants nothing to a request of nobody`);
    const user = this.logins.userOf(session);
    const go = (who: UserName) => use(this.grants.of(who, this.isOwner(who)) ?? nothing, who);
    return user instanceof Promise ? user.then(go) : go(user);
  }

  /**
   * @throws WireError EPERM when `from` is neither the scheduler nor their parent's machine; EACCES for the first of the
   * programs that the user may not run
   */
  run(request: SpawnRequest, from: Sender): MaybePromise<void> {
    if (from.session !== undefined || !(this.isScheduler(from.runtime) || request.parent === from.runtime))
      throw new WireError('EPERM', `${from.runtime} is not the scheduler`);
    return this.granted(request.session, ({ run }, user) => {
      if (run.includes('*')) return;
      for (const agent of request.agents) {
        const { program } = agent;
        if (program.kind === 'native' ? this.mayRun(run, program.name, agent, request) : run.includes(program.kind))
          continue;
        const what = program.kind === 'native' ? program.name : `${program.kind} programs`;
        throw new WireError('EACCES', `${user} may not run ${what} on ${this.name}`);
      }
    });
  }

  /** An agent is signalled by its session, by the scheduler, and by the machine of its parent. */
  maySignal({ session, parent }: SpawnRequest, from: Sender): boolean {
    if (from.session !== undefined) return from.session === session;
    return this.isScheduler(from.runtime) || parent === from.runtime;
  }

  /** The session's user may not read and write all files here, or it is not known yet who that is. */
  isConfined(session: SessionId): boolean {
    return this.granted(session, (grant) => !isFree(grant)) !== false;
  }

  /** A native program by the path that it will be found at (see the native driver). */
  private mayRun(run: readonly string[], name: string, agent: PlanAgent, { home, context }: SpawnRequest): boolean {
    const isHome = home === this.name;
    const searched = agent.environment?.PATH ?? (isHome ? context.environment.PATH : process.env.PATH);
    let file: string;
    try {
      const { runtime, path: cwd } = provide(context.cwd, home);
      file = findProgram(name, searched ?? '/usr/bin:/bin', runtime === this.name ? cwd : '/');
    } catch {
      return true; // it will not be found then either, and the user hears so
    }
    return run.some((entry) => (entry.endsWith('/') ? isWithin(file, path.posix.resolve(entry)) : entry === file));
  }

  /** @throws WireError EACCES */
  device(session: SessionId, device: string): MaybePromise<void> {
    return this.granted(session, ({ devices }, user) => {
      if (!devices.includes('*') && !devices.includes(device))
        throw new WireError('EACCES', `${user} may not use /dev/${device} of ${this.name}`, { path: `/dev/${device}` });
    });
  }

  /**
   * What of a request that names a path may be done: undefined when it may be done as it is.
   * @throws WireError EACCES; see {@link confine}
   */
  file(
    session: SessionId | undefined,
    request: FileRequest & { readonly path: string },
  ): MaybePromise<Confined | undefined> {
    return this.granted(session, (grant) => {
      if (isFree(grant)) return undefined;
      const limits: Limits = { allows: (real, access) => allows(grant, real, access) };
      return confine(request, limits);
    }) as MaybePromise<Confined | undefined>;
  }
}
