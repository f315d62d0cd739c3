import { appendFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint, PlanAgent, Program } from '../../src/wire/graph.js';
import type { RuntimeName } from '../../src/wire/ids.js';
import { end, type Lab, makeLab, type RunOptions, readText, root, sessionEnd, until } from './lab.js';

const test = suite('agents');
let lab: Lab;

const program = (name: string): Program => {
  const file = path.join(root, 'examples/programs', name);
  return { kind: 'node', path: file, text: readFileSync(file, 'utf8') };
};

const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-gpio-'));
test.before(async () => {
  lab = await makeLab({
    home: [],
    pi: [
      { name: 'button', driver: 'gpio', line: 4, direction: 'in', chip: 'emulated', dir },
      { name: 'led', driver: 'gpio', line: 7, direction: 'out', chip: 'emulated', dir },
      { name: 'sensor1', driver: 'simulated', intervalMs: 2 },
    ],
  });
});
test.after(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});
const line = (n: number) => path.join(dir, `line${n}`);
const lastLevel = (n: number): number => (existsSync(line(n)) && readFileSync(line(n), 'latin1').endsWith('1') ? 1 : 0);

test('a native program: bytes in, bytes out, status', async () => {
  const agent = await lab.run('pi', { kind: 'native', name: 'tr' }, ['tr', 'a-z', 'A-Z']);
  await agent.stdin.write(Buffer.from('hello\n'));
  await agent.stdin.end();
  assert.is(await agent.text(), 'HELLO\n');
  assert.is((await agent.exited).status, 0);
});

test('a megabyte goes through whole', async () => {
  const agent = await lab.run('pi', { kind: 'native', name: 'cat' }, ['cat']);
  const sent = Buffer.alloc(3 << 20, 'onesh ');
  void (async () => {
    for (let at = 0; at < sent.length; at += 100_000) await agent.stdin.write(sent.subarray(at, at + 100_000));
    await agent.stdin.end();
  })();
  assert.is(await agent.text(), sent.toString());
});

const failures: { program: Program; argv: string[]; status: number; message: RegExp }[] = [
  {
    program: { kind: 'native', name: 'no-such-program' },
    argv: ['no-such-program'],
    status: 127,
    message: /not found/,
  },
  {
    program: { kind: 'native', name: '/etc/passwd' },
    argv: ['/etc/passwd'],
    status: 126,
    message: /Permission denied/,
  },
];
for (const { program: wanted, argv, status, message } of failures) {
  test(`${argv[0]} gives ${status}`, async () => {
    const agent = await lab.run('pi', wanted, argv);
    const report = await agent.exited;
    assert.is(report.status, status);
    assert.match(report.message ?? '', message);
  });
}

/** False too for a zombie that whoever inherited it has not reaped yet. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('a signal ends the whole process group', async () => {
  const agent = await lab.run('pi', { kind: 'native', name: 'sh' }, ['sh', '-c', 'sleep 1000 & echo $!; wait']);
  const child = Number(Buffer.from((await agent.stdout.read())!).toString());
  await agent.signal('SIGTERM');
  assert.is((await agent.exited).signal, 'SIGTERM');
  await agent.text();
  assert.not(isRunning(child));
});

test('the paper’s logger appends to a file of the home runtime, from another machine', async () => {
  const agent = await lab.run('pi', program('logger.js'), ['./logger.js', 'edges.log']);
  for (const part of ['one ', 'two ', 'three\n']) await agent.stdin.write(Buffer.from(part));
  await agent.stdin.end();
  assert.is((await agent.exited).status, 0);
  assert.is(readFileSync(path.join(lab.dir, 'edges.log'), 'utf8'), 'one two three\n');
});

test('the paper’s sensor loses no edge of 1 000', async () => {
  const agent = await lab.run('pi', program('sensor.js'), ['./sensor.js']);
  const got: number[] = [];
  // The program watches once it has begun to read: the first edge is sent until it is seen.
  const first = (async () => {
    for (;;) {
      const chunk = await agent.stdout.read();
      if (chunk === undefined) return;
      got.push(...chunk);
      if (got.length >= 1000) return;
    }
  })();
  let level = lastLevel(4);
  while (got.length === 0) {
    level = 1 - level;
    appendFileSync(line(4), String(level));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const lead = got.length;
  for (let i = 0; i < 1000; i++) {
    level = 1 - level;
    appendFileSync(line(4), String(level));
  }
  await first;
  assert.ok(got.length >= 1000 && lead >= 1);
  got.forEach((value, i) => {
    if (i > 0) assert.is(value, 1 - got[i - 1]!, `edge ${i}`);
  });
  await agent.signal('SIGTERM');
  await agent.exited;
});

test('the paper’s actuator raises line 7', async () => {
  const agent = await lab.run('pi', program('actuator.js'), ['./actuator.js']);
  await agent.stdin.write(Buffer.from('ON'));
  await agent.stdin.end();
  assert.is((await agent.exited).status, 0);
  assert.is(readFileSync(line(7), 'utf8'), '1');
});

test('sensor, controller and actuator on two machines: a raised line 4 raises line 7', async () => {
  const argv = (name: string) => [`./${name}`];
  const [sensor, controller, actuator] = ['sensor.js', 'controller.js', 'actuator.js'].map((name) =>
    lab.makeAgent(program(name), argv(name)),
  );
  const before = existsSync(line(7)) ? readFileSync(line(7), 'utf8').length : 0;
  await lab.spawn(
    [
      { agent: sensor!, runtime: 'pi' },
      { agent: controller!, runtime: 'home' },
      { agent: actuator!, runtime: 'pi' },
    ],
    [
      [end(sensor!, 1), end(controller!, 0)],
      [end(controller!, 1), end(actuator!, 0)],
    ],
  );
  // The sensor sees what happens once it watches; nothing tells from outside when it does.
  const raised = until(() => existsSync(line(7)) && readFileSync(line(7), 'utf8').length > before);
  let level = lastLevel(4);
  const toggle = setInterval(() => {
    level = 1 - level;
    appendFileSync(line(4), String(level));
  }, 20);
  await raised;
  clearInterval(toggle);
  assert.is(readFileSync(line(7), 'utf8').at(-1), '1');
  await lab.request('pi', { type: 'agent.signal', agent: sensor!.id, signal: 'SIGTERM' });
  assert.is((await lab.exited(sensor!.id)).signal, 'SIGTERM');
  assert.is((await lab.exited(controller!.id)).status, 0);
  assert.is((await lab.exited(actuator!.id)).status, 0);
});

test('neighbours on one machine share a kernel pipe, and a missing one ends the pipe', async () => {
  const yes = lab.makeAgent({ kind: 'native', name: 'yes' }, ['yes']);
  const head = lab.makeAgent({ kind: 'native', name: 'head' }, ['head', '-n', '2']);
  const { readers } = await lab.spawn(
    [
      { agent: yes, runtime: 'pi' },
      { agent: head, runtime: 'pi' },
    ],
    [
      [end(yes, 1), end(head, 0)],
      [end(head, 1), sessionEnd],
    ],
  );
  assert.is(await readText(readers.get(1)!), 'y\ny\n');
  assert.is((await lab.exited(yes.id)).signal, 'SIGPIPE');
  const missing = lab.makeAgent({ kind: 'native', name: 'nowhere' }, ['nowhere']);
  const wc = lab.makeAgent({ kind: 'native', name: 'wc' }, ['wc', '-c']);
  const second = await lab.spawn(
    [
      { agent: missing, runtime: 'pi' },
      { agent: wc, runtime: 'pi' },
    ],
    [
      [end(missing, 1), end(wc, 0)],
      [end(wc, 1), sessionEnd],
    ],
  );
  assert.is((await readText(second.readers.get(1)!)).trim(), '0');
  assert.is((await lab.exited(missing.id)).message, 'nowhere: not found');
  assert.is((await lab.exited(wc.id)).status, 0);
});

test('a request is answered with an error and starts nothing when a stream of it cannot be opened', async () => {
  const cat = lab.makeAgent({ kind: 'native', name: 'cat' }, ['cat']);
  const marker = path.join(lab.dir, 'started');
  const touch = lab.makeAgent({ kind: 'native', name: 'touch' }, ['touch', marker]);
  const nowhere = { kind: 'path', path: '/no/such/file', provider: 'pi' as RuntimeName, mode: 'read' } as const;
  const agents = [touch, cat].map((agent) => ({ agent, runtime: 'pi' }));
  const error = await lab.spawn(agents, [[nowhere, end(cat, 0)]]).catch((e) => e as { code?: string });
  assert.is((error as { code?: string }).code, 'ENOENT');
  assert.is(existsSync(marker), false);
  assert.equal(await lab.request('pi', { type: 'agent.list' }), { type: 'agents', agents: [] });
});

test('a device read by two agents, here and elsewhere, and a file written at its provider', async () => {
  const sensor = (agent: PlanAgent): readonly [Endpoint, Endpoint] => [
    { kind: 'path', path: '/dev/sensor1', provider: 'pi' as RuntimeName, mode: 'read' },
    end(agent, 0),
  ];
  const near = lab.makeAgent({ kind: 'native', name: 'head' }, ['head', '-n', '3']);
  const far = lab.makeAgent({ kind: 'native', name: 'head' }, ['head', '-n', '3']);
  const target = path.join(lab.dir, 'readings');
  const file = { kind: 'path', path: `/net/home${target}`, provider: 'home' as RuntimeName, mode: 'append' } as const;
  const { readers } = await lab.spawn(
    [
      { agent: near, runtime: 'pi' },
      { agent: far, runtime: 'home' },
    ],
    [sensor(near), sensor(far), [end(near, 1), file], [end(far, 1), sessionEnd]],
  );
  assert.match(await readText(readers.get(3)!), /^(\d+\.\d\d\n){3}$/);
  await lab.exited(near.id);
  await until(() => /^(\d+\.\d\d\n){3}$/.test(readFileSync(target, 'utf8')));
});

test('operands: a stream as /dev/fd, a host file by its own path', async () => {
  writeFileSync(path.join(lab.dir, 'on-pi'), 'host file\n');
  const agent: PlanAgent = {
    ...lab.makeAgent({ kind: 'native', name: 'cat' }, ['cat', '/net/home/x', '/net/pi/y']),
    operands: [
      { kind: 'stream', index: 1, path: '/net/home/x', fd: 3 },
      {
        kind: 'host',
        index: 2,
        path: '/net/pi/y',
        runtime: 'pi' as RuntimeName,
        hostPath: path.join(lab.dir, 'on-pi'),
      },
    ],
  };
  const { writers, readers } = await lab.spawn(
    [{ agent, runtime: 'pi' }],
    [
      [sessionEnd, end(agent, 3)],
      [end(agent, 1), sessionEnd],
    ],
  );
  await writers.get(0)!.write(Buffer.from('stream\n'));
  await writers.get(0)!.end();
  assert.is(await readText(readers.get(1)!), 'stream\nhost file\n');
});

const contextRows: { name: string; options?: RunOptions; argv: string[]; runtime?: string; want: RegExp }[] = [
  { name: 'the session’s directory at home', runtime: 'home', argv: ['pwd'], want: /onesh-lab-[^/]*\n$/ },
  { name: 'the temporary directory elsewhere', argv: ['pwd'], want: new RegExp(`^${realpathSync(os.tmpdir())}\n$`) },
  { name: 'the plan’s mask', options: { umask: 0o27 }, argv: ['sh', '-c', 'umask'], want: /^0?027\n$/ },
  {
    name: 'its environment and its own names',
    options: { environment: { COLOUR: 'green' } },
    argv: ['sh', '-c', 'echo $COLOUR $ONESH_RUNTIME $ONESH_AGENT'],
    want: /^green pi a-\w{16}\n$/,
  },
  {
    name: 'a place in a trace of its own',
    argv: ['sh', '-c', 'echo $TRACEPARENT'],
    want: /^00-0{12}[0-9a-f]{20}-[0-9a-f]{16}-01\n$/,
  },
  {
    name: 'a place in the trace of who started it',
    options: { environment: { TRACEPARENT: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' } },
    argv: ['sh', '-c', 'echo $TRACEPARENT'],
    want: /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-00\n$/,
  },
  // Some shells keep a descriptor of their own at 10.
  { name: 'no descriptors but its own', argv: ['sh', '-c', 'ls /proc/$$/fd; :'], want: /^0\n1\n(10\n)?2\n$/ },
];
for (const { name, options, argv, runtime = 'pi', want } of contextRows) {
  test(`a native program has ${name}`, async () => {
    const agent = await lab.run(runtime, { kind: 'native', name: argv[0]! }, argv, options);
    assert.match(await agent.text(), want);
  });
}

test('the reports of an agent, in order, and its output before its exit', async () => {
  const agent = await lab.run('pi', { kind: 'native', name: 'sh' }, ['sh', '-c', 'sleep 100 & echo $!; exit 3']);
  // A child holds the output open: the exit is told all the same.
  const report = await agent.exited;
  assert.is(report.status, 3);
  assert.equal(
    lab.reports(agent.id).map((r) => r.state),
    ['starting', 'running', 'exited'],
  );
  const child = Number(Buffer.from((await agent.stdout.read())!).toString());
  process.kill(child, 'SIGKILL');
  assert.is(await agent.text(), '');
});

test('a shell agent has its variables and positional parameters', async () => {
  const source = 'while read -r x; do echo "$greeting $x $1"; done';
  const shell = { kind: 'shell', source, variables: { greeting: "it's" }, positional: ['p'] } as const;
  const agent = await lab.run('pi', shell, ['onesh']);
  await agent.stdin.write(Buffer.from('a\nb\n'));
  await agent.stdin.end();
  assert.is(await agent.text(), "it's a p\nit's b p\n");
});

/** A module that writes `Hi\n` from its memory and returns. */
function makeWasm(): Buffer {
  const section = (id: number, ...content: (number | string)[]): Buffer => {
    const bytes = Buffer.concat(content.map((c) => (typeof c === 'string' ? Buffer.from(c) : Buffer.from([c]))));
    return Buffer.concat([Buffer.from([id, bytes.length]), bytes]);
  };
  const i32 = 0x7f;
  const body = [0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 24, 0x10, 0, 0x1a, 0x0b];
  return Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    section(1, 2, 0x60, 4, i32, i32, i32, i32, 1, i32, 0x60, 0, 0),
    section(2, 1, 22, 'wasi_snapshot_preview1', 8, 'fd_write', 0, 0),
    section(3, 1, 1),
    section(5, 1, 0, 1),
    section(7, 2, 6, 'memory', 2, 0, 6, '_start', 0, 1),
    section(10, 1, body.length, ...body),
    // One iovec: 3 bytes at 8.
    section(11, 1, 0, 0x41, 0, 0x0b, 11, 8, 0, 0, 0, 3, 0, 0, 0, 'Hi\n'),
  ]);
}

test('a WebAssembly program writes to its standard output', async () => {
  const agent = await lab.run(
    'pi',
    { kind: 'wasm', path: '/home/user/hi.wasm', bytes: makeWasm().toString('base64') },
    ['hi'],
  );
  assert.is((await agent.text()) + (await agent.errors()), 'Hi\n');
  assert.is((await agent.exited).status, 0);
});

test.run();
