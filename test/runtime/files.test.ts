/** The file protocol between machines: open files and their end, every call, and errors that keep their errno. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FileService } from '../../src/runtime/files/service.js';
import { AgentFiles } from '../../src/runtime/syscalls/files.js';
import type { FileEvent, FileOwner, FileReply, FileRequest } from '../../src/wire/files.js';
import { newAgentId, newSessionId, type RuntimeName } from '../../src/wire/ids.js';
import { type Lab, makeLab, until } from './lab.js';

const test = suite('files');
const [home, pi] = ['home', 'pi'] as RuntimeName[];
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'onesh-files-'));
let lab: Lab;
test.before(async () => {
  lab = await makeLab({ home: [], pi: [] });
});
test.after(async () => {
  await lab.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

const at = (name: string) => path.join(dir, name);
const owner = (): FileOwner => ({ session: lab.sessionId, agent: newAgentId() });
const ask = async (request: FileRequest): Promise<FileReply> => (await lab.request('pi', request)) as FileReply;
const open = async (name: string, flags: readonly string[], by = owner()): Promise<number> => {
  const reply = await ask({ type: 'file.open', path: at(name), flags, mode: 0o644, owner: by } as FileRequest);
  return (reply as { handle: number }).handle;
};
const text = async (handle: number, offset?: number): Promise<string> => {
  const reply = await ask({ type: 'file.read', handle, length: 100, ...(offset === undefined ? {} : { offset }) });
  return Buffer.from((reply as { data: string }).data, 'base64').toString();
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => (error as { code: string }).code,
  );
const base64 = (content: string) => Buffer.from(content).toString('base64');

test('an open file is there when its name is not', async () => {
  fs.writeFileSync(at('kept'), 'kept content');
  const handle = await open('kept', ['O_RDWR']);
  fs.unlinkSync(at('kept'));
  assert.is(await text(handle), 'kept content');
  await ask({ type: 'file.write', handle, offset: 5, data: base64('CONTENT') });
  assert.is(await text(handle, 0), 'kept CONTENT');
  const reply = await ask({ type: 'file.stat', handle, follow: true });
  assert.is((reply as Extract<FileReply, { type: 'file.stat.reply' }>).stat.nlink, 0);
  await ask({ type: 'file.close', handle });
  assert.is(await codeOf(text(handle)), 'EBADF');
});

test('appends go to the end, wherever that is, and say where', async () => {
  fs.writeFileSync(at('log'), 'one ');
  const handle = await open('log', ['O_WRONLY', 'O_APPEND']);
  fs.appendFileSync(at('log'), 'two ');
  const reply = await ask({ type: 'file.write', handle, data: base64('three') });
  assert.equal(reply, { type: 'file.written', size: 5, position: 13 });
  assert.is(fs.readFileSync(at('log'), 'utf8'), 'one two three');
});

/** Descriptors of this process that have `name` open. */
const holders = (name: string): number =>
  fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).includes(name);
    } catch {
      return false;
    }
  }).length;

test('handles end with their agent', async () => {
  const by = owner();
  await open('by-agent', ['O_WRONLY', 'O_CREAT'], by);
  assert.is(holders('by-agent'), 1);
  await ask({ type: 'file.release', owner: by });
  await until(() => holders('by-agent') === 0);
});

test('handles end with their session, and with the machine that asked', async () => {
  const service = new FileService(() => {});
  const by = { session: newSessionId('pi1' as RuntimeName), agent: newAgentId() };
  const request: FileRequest = {
    type: 'file.open',
    path: at('ends'),
    flags: ['O_WRONLY', 'O_CREAT'],
    mode: 0o600,
    owner: by,
  };
  for (const end of [() => service.endSession(by.session), () => service.loseRuntime(home!), () => service.close()]) {
    const { reply } = await service.answer(request, new Uint8Array(0), { runtime: home! });
    const { handle } = reply as { handle: number };
    assert.is(holders('/ends'), 1);
    const stranger = service.answer({ type: 'file.close', handle }, new Uint8Array(0), { runtime: pi! });
    assert.is(await codeOf(stranger), 'EBADF');
    end();
    await until(() => holders('/ends') === 0);
  }
});

test('a mode is as it was asked for, whatever the mask of the provider', async () => {
  const before = process.umask(0o077);
  try {
    await ask({ type: 'file.close', handle: await open('mode', ['O_WRONLY', 'O_CREAT']) });
    await ask({ type: 'file.mkdir', path: at('mode-dir'), mode: 0o755, recursive: false });
  } finally {
    process.umask(before);
  }
  assert.is(fs.statSync(at('mode')).mode & 0o777, 0o644);
  assert.is(fs.statSync(at('mode-dir')).mode & 0o777, 0o755);
});

const calls: { request: FileRequest; want: object }[] = [
  {
    request: { type: 'file.mkdir', path: at('a/b/c'), mode: 0o755, recursive: true },
    want: { type: 'file.path', path: at('a') },
  },
  { request: { type: 'file.mkdir', path: at('a/b/c'), mode: 0o755, recursive: true }, want: { type: 'file.path' } },
  {
    request: { type: 'file.save', path: at('a/f'), flags: ['O_WRONLY', 'O_CREAT'], mode: 0o600, data: base64('text') },
    want: { type: 'file.written', size: 4 },
  },
  { request: { type: 'file.symlink', path: at('a/l'), target: 'f' }, want: { type: 'ok' } },
  { request: { type: 'file.readlink', path: at('a/l') }, want: { type: 'file.path', path: 'f' } },
  {
    request: { type: 'file.realpath', path: at('a/l') },
    want: { type: 'file.path', path: `${fs.realpathSync(dir)}/a/f` },
  },
  { request: { type: 'file.link', path: at('a/f'), to: at('a/h') }, want: { type: 'ok' } },
  { request: { type: 'file.copy', path: at('a/f'), to: at('a/c'), exclusive: true }, want: { type: 'ok' } },
  { request: { type: 'file.chmod', path: at('a/c'), mode: 0o640, follow: true }, want: { type: 'ok' } },
  { request: { type: 'file.utimes', path: at('a/c'), atime: 1, mtime: 2.5, follow: true }, want: { type: 'ok' } },
  { request: { type: 'file.truncate', path: at('a/c'), size: 2 }, want: { type: 'ok' } },
  { request: { type: 'file.chown', path: at('a/c'), uid: -1, gid: -1, follow: true }, want: { type: 'ok' } },
  { request: { type: 'file.access', path: at('a/c'), mode: 4 }, want: { type: 'ok' } },
  {
    request: { type: 'file.read', path: at('a/c'), length: 9 },
    want: { type: 'file.data', data: base64('te'), eof: true },
  },
  { request: { type: 'file.rename', path: at('a/c'), to: at('a/b/c/d') }, want: { type: 'ok' } },
  { request: { type: 'file.remove', path: at('a/b'), directory: false, recursive: true }, want: { type: 'ok' } },
  {
    request: { type: 'file.list', path: at('a') },
    want: {
      type: 'file.entries',
      entries: [
        { name: 'f', kind: 'file' },
        { name: 'h', kind: 'file' },
        { name: 'l', kind: 'symlink' },
      ],
    },
  },
];
test('every call, with its answer', async () => {
  for (const { request, want } of calls) {
    const reply = await ask(request);
    if (reply.type === 'file.entries')
      (reply.entries as unknown as { name: string }[]).sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.equal(reply, want, JSON.stringify(request));
  }
});

test('a stat has every field of the host’s', async () => {
  fs.writeFileSync(at('s'), 'abc');
  const s = fs.statSync(at('s'), { bigint: true });
  const reply = await ask({ type: 'file.stat', path: at('s'), follow: true });
  const { stat } = reply as Extract<FileReply, { type: 'file.stat.reply' }>;
  for (const name of ['dev', 'ino', 'rdev', 'mtimeNs', 'ctimeNs', 'birthtimeNs'] as const)
    assert.is(stat[name], String(s[name]));
  for (const name of ['size', 'uid', 'gid', 'nlink', 'blksize', 'blocks'] as const)
    assert.is(stat[name], Number(s[name]));
  assert.is(stat.kind, 'file');
});

const errors: { request: FileRequest; code: string }[] = [
  { request: { type: 'file.open', path: at('none'), flags: ['O_RDONLY'], mode: 0 }, code: 'ENOENT' },
  {
    request: { type: 'file.open', path: at('a/f'), flags: ['O_WRONLY', 'O_CREAT', 'O_EXCL'], mode: 0o644 },
    code: 'EEXIST',
  },
  { request: { type: 'file.list', path: at('a/f') }, code: 'ENOTDIR' },
  { request: { type: 'file.read', path: at('a'), length: 1 }, code: 'EISDIR' },
  { request: { type: 'file.remove', path: at('a'), directory: true, recursive: false }, code: 'ENOTEMPTY' },
  { request: { type: 'file.readlink', path: at('a/f') }, code: 'EINVAL' },
  { request: { type: 'file.stat', path: 'relative', follow: true }, code: 'EINVAL' },
  { request: { type: 'file.rename', path: at('a/f'), to: '/x\0y' }, code: 'EINVAL' },
  { request: { type: 'file.close', handle: 1 }, code: 'EBADF' },
];
test('errors keep their errno', async () => {
  for (const { request, code } of errors) assert.is(await codeOf(ask(request)), code, JSON.stringify(request));
});

test('a name that is no text keeps its bytes', async () => {
  const name = Buffer.concat([Buffer.from(`${dir}/bytes/`), Buffer.from([0x66, 0xff])]);
  fs.mkdirSync(at('bytes'));
  fs.writeFileSync(name, 'x');
  const reply = await ask({ type: 'file.list', path: at('bytes') });
  const [entry] = (reply as Extract<FileReply, { type: 'file.entries' }>).entries;
  await ask({ type: 'file.remove', path: at(`bytes/${entry!.name}`), directory: false, recursive: false });
  assert.equal(fs.readdirSync(at('bytes')), []);
});

test('changes under a watched path are told to who watches', async () => {
  const events: FileEvent[] = [];
  const service = new FileService((_runtime, event) => events.push(event));
  fs.mkdirSync(at('watched'));
  const by = owner();
  const from = { runtime: home! };
  const none = new Uint8Array(0);
  const { reply } = await service.answer(
    { type: 'file.watch', path: at('watched'), recursive: false, owner: by },
    none,
    from,
  );
  fs.writeFileSync(at('watched/new'), '');
  await until(() => events.some((e) => e.event === 'rename' && e.name === 'new'));
  assert.is(events[0]!.handle, (reply as { handle: number }).handle);
  assert.equal(events[0]!.owner, by);
  service.close();
});

test('a program’s requests: positions, seeks, and two providers', async () => {
  const service = new FileService(() => {});
  const asked: string[] = [];
  const files = new AgentFiles({
    home: home!,
    owner: owner(),
    bulk: undefined,
    ask: (runtime, request, bytes) => {
      asked.push(`${runtime} ${request.type}`);
      return service.answer(request, bytes, { runtime: home! });
    },
  });
  const none = new Uint8Array(0);
  const call = (request: FileRequest, bytes = none) => files.answer(request, bytes);
  const flags = ['O_RDWR', 'O_CREAT'] as const;
  const opened = await call({ type: 'file.open', path: `/net/pi${at('seek')}`, flags, mode: 0o644 });
  const { handle } = opened.reply as { handle: number };
  const write = (content: string) => call({ type: 'file.write', handle }, Buffer.from(content));
  await Promise.all([write('0123'), write('4567'), write('89')]);
  const seek = async (offset: number, whence: 'set' | 'current' | 'end') =>
    ((await call({ type: 'file.seek', handle, offset, whence })).reply as { position: number }).position;
  assert.is(await seek(-3, 'end'), 7);
  const read = async (length: number) =>
    Buffer.from((await call({ type: 'file.read', handle, length })).bytes!).toString();
  assert.is(await read(2), '78');
  assert.is(await seek(-5, 'current'), 4);
  assert.is(await read(100), '456789');
  assert.is(await read(1), '');
  assert.is(await codeOf(seek(-1, 'set')), 'EINVAL');
  const real = await call({ type: 'file.realpath', path: `/net/pi${at('seek')}` });
  assert.is((real.reply as { path: string }).path, `/net/pi${fs.realpathSync(dir)}/seek`);
  assert.is(await codeOf(call({ type: 'file.rename', path: at('seek'), to: `/net/pi${at('x')}` })), 'EXDEV');
  assert.is(asked[0], 'pi file.open');
  files.close();
  await until(() => holders('/seek') === 0);
  assert.is(asked.at(-1), 'pi file.release');
});

test.run();
