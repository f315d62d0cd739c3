/** Redirections (XCU 2.7): performed in order on an environment's descriptor table, and undone. */
import { constants, openSync, statSync } from 'node:fs';
import type { Redirection } from '../../../grammar/index.js';
import { pipe } from '../../host/libc.js';
import { encodeBytes } from '../../wire/bytes.js';
import { compileWord, type Substitution, type WordCode } from '../expand/words.js';
import { HostFile, MemorySource, type OpenFile } from '../files.js';
import { locate, type Place } from '../namespace.js';
import { errnoOf, type MaybePromise, type Outcome, reasonOf, ShellError, then } from '../outcome.js';
import { complain, report } from '../report.js';
import type { Env } from '../state.js';
import { known } from './guard.js';
import { drainTo, feedFrom } from './pump.js';

export interface RedirectionCode {
  readonly operator: Redirection['operator'];
  readonly fd: number;
  readonly target: WordCode;
  readonly body: WordCode | undefined;
}

export function compileRedirections(
  list: readonly Redirection[],
  substitution: Substitution,
): readonly RedirectionCode[] {
  return list.map((r) => ({
    operator: r.operator,
    fd: r.fd ?? (r.operator[0] === '<' ? 0 : 1),
    target: compileWord(r.target, substitution),
    body: r.body === undefined ? undefined : compileWord(r.body, substitution),
  }));
}

/** What a descriptor was before a redirection. */
type Saved = readonly [fd: number, file: OpenFile | undefined];

/** Redirections in force, until undone. */
export interface Applied {
  undo(): MaybePromise<void>;
  /** Keeps them (`exec`); gives the writes to other machines that end with them. */
  keep(): readonly Promise<unknown>[];
}

/** Applies redirections in order. @throws ShellError after undoing those already made. */
export function applyRedirections(list: readonly RedirectionCode[], env: Env): MaybePromise<Applied> {
  const saved: Saved[] = [];
  const flushes: Promise<unknown>[] = [];
  const restore = () => {
    for (const [fd, file] of saved.splice(0).reverse()) {
      env.files.close(fd);
      if (file !== undefined) env.files.set(fd, file);
    }
  };
  const go = (from: number): MaybePromise<void> => {
    for (let i = from; i < list.length; i++) {
      const wait = applyOne(list[i]!, env, saved, flushes);
      if (wait instanceof Promise) return wait.then(() => go(i + 1));
    }
  };
  const applied: Applied = {
    undo: () => {
      restore();
      if (flushes.length > 0) return Promise.all(flushes).then(() => {});
    },
    keep: () => {
      for (const [, file] of saved.splice(0)) file?.release();
      return flushes;
    },
  };
  try {
    const wait = go(0);
    if (!(wait instanceof Promise)) return applied;
    return wait.then(
      () => applied,
      (error) => {
        restore();
        throw error;
      },
    );
  } catch (error) {
    restore();
    throw error;
  }
}

/** Runs `body` under redirections; `failed` gives the outcome when one of them cannot be made. */
export function withRedirections(
  list: readonly RedirectionCode[],
  env: Env,
  body: () => MaybePromise<Outcome>,
  failed: (error: unknown) => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  let applied: MaybePromise<Applied>;
  try {
    applied = applyRedirections(list, env);
  } catch (error) {
    return failed(error);
  }
  const run = (active: Applied): MaybePromise<Outcome> => {
    let result: MaybePromise<Outcome>;
    try {
      result = body();
    } catch (error) {
      // Said while they are in force: `{ : ${x?no}; } 2>/dev/null` is silent.
      result = report(known(error), env);
    }
    const finish = (outcome: Outcome): MaybePromise<Outcome> => {
      const undone = active.undo();
      if (!(undone instanceof Promise)) return outcome;
      // What was written did not all arrive: the command has failed, whatever it says itself.
      return undone.then(
        () => outcome,
        (error) => ({ ...outcome, status: report(known(error), env).status }),
      );
    };
    return result instanceof Promise ? result.catch((error) => report(known(error), env)).then(finish) : finish(result);
  };
  return applied instanceof Promise ? applied.then(run, failed) : run(applied);
}

function replace(env: Env, fd: number, file: OpenFile | undefined, saved: Saved[]): void {
  saved.push([fd, env.files.take(fd)]);
  if (file !== undefined) env.files.set(fd, file);
}

function applyOne(r: RedirectionCode, env: Env, saved: Saved[], flushes: Promise<unknown>[]): MaybePromise<void> {
  const { operator, fd } = r;
  if (operator === '<<' || operator === '<<-') {
    return then(r.body!.scalar(env), (text) => replace(env, fd, new MemorySource(encodeBytes(text)), saved));
  }
  return then(r.target.scalar(env), (target) => {
    if (operator === '<&' || operator === '>&') return duplicate(env, fd, target, operator, saved);
    const place = locate(target, env);
    if (place.kind === 'host') {
      replace(env, fd, openHost(target, place.path, operator, env), saved);
      return;
    }
    return openRemote(place, operator, env, flushes).then((file) => replace(env, fd, file, saved));
  });
}

/** `[n]<&word`, `[n]>&word` (XCU 2.7.5, 2.7.6): shares an open file, or closes. */
function duplicate(env: Env, fd: number, target: string, operator: '<&' | '>&', saved: Saved[]): void {
  if (target === '-') {
    replace(env, fd, undefined, saved);
    return;
  }
  if (!/^\d+$/.test(target)) throw new ShellError(`${operator}${target}: bad file descriptor number`, 2);
  const file = env.files.get(Number(target));
  if (file === undefined) throw new ShellError(`${target}: Bad file descriptor`, 2);
  replace(env, fd, file.retain(), saved);
}

function openHost(shown: string, path: string, operator: Redirection['operator'], env: Env): OpenFile {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL } = constants;
  const bytes = path.isWellFormed() ? path : encodeBytes(path);
  let flags: number;
  switch (operator) {
    case '<':
      flags = O_RDONLY;
      break;
    case '<>':
      flags = O_RDWR | O_CREAT;
      break;
    case '>>':
      flags = O_WRONLY | O_CREAT | O_APPEND;
      break;
    default:
      flags = O_WRONLY | O_CREAT | O_TRUNC;
      if (operator === '>' && env.options.noclobber) {
        // XCU 2.7.2: an existing regular file is an error; anything else is opened.
        const existing = statSync(bytes, { throwIfNoEntry: false });
        if (existing === undefined) flags = O_WRONLY | O_CREAT | O_EXCL;
        else if (existing.isFile()) throw new ShellError(`cannot create ${shown}: File exists`, 2);
        else flags = O_WRONLY;
      }
  }
  const before = process.umask(env.umask);
  try {
    return new HostFile(openSync(bytes, flags, 0o666), true);
  } catch (error) {
    const creating = operator !== '<' && errnoOf(error) === 'ENOENT';
    throw new ShellError(
      `cannot ${operator === '<' ? 'open' : 'create'} ${shown}: ${creating ? 'Directory nonexistent' : reasonOf(error)}`,
      2,
    );
  } finally {
    process.umask(before);
  }
}

/** A device or another runtime's file, as the end of a kernel pipe that a stream feeds or drains. */
async function openRemote(
  place: Exclude<Place, { kind: 'host' }>,
  operator: Redirection['operator'],
  env: Env,
  flushes: Promise<unknown>[],
): Promise<OpenFile> {
  const { activity } = env.shell;
  if (operator === '<>')
    throw new ShellError(`cannot open ${place.path}: opening for reading and writing is not available here`, 2);
  const writing = operator !== '<';
  try {
    const cluster = await env.shell.cluster();
    const ends = pipe();
    if (operator === '>' && env.options.noclobber && place.kind === 'net') {
      const request = { type: 'file.stat', path: place.hostPath, follow: true } as const;
      const reply = await cluster.file(place.runtime, request).catch(() => undefined);
      if (reply?.type === 'file.stat.reply' && reply.stat.kind === 'file')
        throw new ShellError(`cannot create ${place.path}: File exists`, 2);
    }
    if (writing) {
      const writer = await cluster.openPath(place.path, operator === '>>' ? 'append' : 'write');
      const flush = drainTo(writer, new HostFile(ends.read, true), activity).catch((error) => {
        throw new ShellError(`${place.path}: ${reasonOf(error)}`, 1);
      });
      track(env, flush);
      flushes.push(flush);
      return new HostFile(ends.write, true);
    }
    const reader = await cluster.openPath(place.path, 'read');
    void feedFrom(reader, new HostFile(ends.write, true), activity, undefined, (error) => {
      // The session ends, and its streams with it.
      if (errnoOf(error) !== 'ECANCELED') complain(env, `${place.path}: ${reasonOf(error)}`);
    });
    return new HostFile(ends.read, true);
  } catch (error) {
    if (error instanceof ShellError) throw error;
    throw new ShellError(`cannot ${writing ? 'create' : 'open'} ${place.path}: ${reasonOf(error)}`, 2);
  }
}

function track(env: Env, flush: Promise<unknown>): void {
  env.shell.flushes.add(flush);
  void flush.finally(() => env.shell.flushes.delete(flush)).catch(() => {});
}
