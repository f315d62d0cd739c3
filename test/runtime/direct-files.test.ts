/** File requests over direct connections: what goes there, what goes over the bus instead, and what becomes of it when they break. */
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryHub } from '../../src/bus/memory.js';
import { DirectFiles } from '../../src/runtime/files/direct.js';
import { type FileAnswer, FileService } from '../../src/runtime/files/service.js';
import { toErrorBody } from '../../src/wire/errors.js';
import type { FileRequest } from '../../src/wire/files.js';
import type { Sender } from '../../src/wire/messages.js';
import { topics } from '../../src/wire/topics.js';
import { eventually, makeNode, type Node } from '../support/direct.js';
import { makeMembers } from '../support/members.js';

const test = suite('direct file requests');
const none = new Uint8Array(0);

interface Two {
  readonly a: Node;
  readonly b: Node;
  readonly directory: string;
  readonly asking: DirectFiles;
  /** What `b` was asked directly, and by whom. */
  readonly asked: (readonly [FileRequest, Sender])[];
  ask(request: FileRequest, bytes?: Uint8Array): Promise<FileAnswer> | undefined;
  close(): Promise<void>;
}

async function two(): Promise<Two> {
  const hub = new MemoryHub();
  const members = makeMembers();
  for (const name of ['pi1', 'pi2']) members.keysOf(name);
  const a = await makeNode(members, 'pi1', hub.connect());
  const b = await makeNode(members, 'pi2', hub.connect());
  const service = new FileService(() => {});
  const asked: (readonly [FileRequest, Sender])[] = [];
  const answer = (request: FileRequest, bytes: Uint8Array, from: Sender): Promise<FileAnswer> => {
    asked.push([request, from]);
    return service.answer(request, bytes, from);
  };
  const ends = [a, b].map(({ name, peer, streams }) => new DirectFiles({ name, peer, streams, answer }));
  const inbox = topics.runtimeInbox(b.peer.cluster, b.name);
  const subscription = await b.peer.serve(inbox, (body, { from }) => {
    if (body.type !== 'file.direct') return undefined;
    ends[1]!.accept(from.runtime, body.name);
    return { type: 'ok' };
  });
  await a.announce();
  await b.announce();
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'onesh-direct-'));
  return {
    a,
    b,
    directory,
    asking: ends[0]!,
    asked,
    ask: (request, bytes = none) => ends[0]!.ask(b.name, request, bytes),
    close: async () => {
      for (const end of ends) end.close();
      service.close();
      await subscription.close();
      await a.close();
      await b.close();
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The first request that goes directly. */
async function first(lab: Two, request: FileRequest): Promise<FileAnswer> {
  let answer: Promise<FileAnswer> | undefined;
  await eventually('a direct connection', () => {
    answer = lab.ask(request);
    return answer !== undefined;
  });
  return (await answer)!;
}

test('what is asked before there is a connection is left to the bus; then it goes directly, bytes beside it', async () => {
  const lab = await two();
  const file = path.join(lab.directory, 'file');
  fs.writeFileSync(file, 'hello');
  assert.is(lab.ask({ type: 'file.stat', path: file, follow: true }), undefined);
  const { reply } = await first(lab, { type: 'file.stat', path: file, follow: true });
  assert.is(reply.type === 'file.stat.reply' && reply.stat.size, 5);
  assert.equal(lab.asked[0]![1], { runtime: lab.a.name });
  const read = await lab.ask({ type: 'file.read', path: file, offset: 1, length: 100 })!;
  assert.is(Buffer.from(read.bytes!).toString(), 'ello');
  const bytes = Buffer.alloc(200_000, 'x');
  await lab.ask({ type: 'file.save', path: file, flags: ['O_WRONLY', 'O_TRUNC'], mode: 0o644 }, bytes)!;
  assert.ok(fs.readFileSync(file).equals(bytes));
  await lab.close();
});

test('an error comes back with its code, and what is no file request is refused', async () => {
  const lab = await two();
  await first(lab, { type: 'file.access', path: lab.directory, mode: 0 });
  const codeOf = (asked: Promise<unknown> | undefined) =>
    asked!.then(
      () => 'none',
      (error: Error) => toErrorBody(error).code,
    );
  assert.is(await codeOf(lab.ask({ type: 'file.readlink', path: `${lab.directory}/missing` })), 'ENOENT');
  assert.is(await codeOf(lab.ask({ type: 'token.new', lifetime: 1 } as unknown as FileRequest)), 'EPROTO');
  assert.is(await codeOf(lab.ask({ type: 'file.read', path: 7 } as unknown as FileRequest)), 'EPROTO');
  await lab.close();
});

test('many at once, each its own answer', async () => {
  const lab = await two();
  await first(lab, { type: 'file.access', path: lab.directory, mode: 0 });
  const names = Array.from({ length: 200 }, (_, i) => path.join(lab.directory, `f${i}`));
  const flags = ['O_WRONLY', 'O_CREAT'] as const;
  await Promise.all(
    names.map((name, i) => lab.ask({ type: 'file.save', path: name, flags, mode: 0o644 }, Buffer.from(`${i}`))!),
  );
  const answers = await Promise.all(names.map((name) => lab.ask({ type: 'file.read', path: name, length: 10 })!));
  answers.forEach(({ bytes }, i) => {
    assert.is(Buffer.from(bytes!).toString(), String(i));
  });
  await lab.close();
});

test('what was asked when the connection broke is done once and answered when it comes again', async () => {
  const lab = await two();
  const file = path.join(lab.directory, 'log');
  await first(lab, { type: 'file.access', path: lab.directory, mode: 0 });
  const append: FileRequest = {
    type: 'file.save',
    path: file,
    flags: ['O_WRONLY', 'O_CREAT', 'O_APPEND'],
    mode: 0o644,
  };
  const restore: (() => void)[] = [];
  const waiting = Array.from({ length: 20 }, (_, i) => {
    if (i === 10) restore.push(lab.a.mesh.cut(), lab.b.mesh.cut());
    return lab.ask(append, Buffer.from('x'));
  });
  assert.is(waiting.at(-1), undefined);
  for (const again of restore) again();
  await Promise.all(waiting);
  assert.is(fs.readFileSync(file, 'utf8'), 'x'.repeat(10));
  await lab.close();
});

test('a machine that is lost fails what waits for it at once', async () => {
  const lab = await two();
  await first(lab, { type: 'file.access', path: lab.directory, mode: 0 });
  const waiting = lab.ask({ type: 'file.access', path: lab.directory, mode: 0 })!;
  lab.asking.lose(lab.b.name);
  const code = await waiting.then(
    () => 'answered',
    (error: Error) => toErrorBody(error).code,
  );
  assert.is(code, 'EHOSTDOWN');
  await lab.close();
});

test.run();
