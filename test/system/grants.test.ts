/**
 * What a user who is not the owner may do on another machine: what its grants say, and nothing else, by real processes over the
 * cluster's own sockets.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, cleanEnvironment, run, until } from '../support/system.js';

const test = suite('grants');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-grants-'));
const user = os.userInfo().username;

function machine(name: string, devices: readonly object[] = []) {
  const home = path.join(dir, name);
  const env = cleanEnvironment(home);
  mkdirSync(env.ONESH_HOME!, { recursive: true });
  writeFileSync(path.join(env.ONESH_HOME!, 'runtime.json'), JSON.stringify({ name, devices }));
  return {
    home,
    grants: path.join(env.ONESH_HOME!, 'grants.json'),
    oneos: (args: readonly string[], input = '') => run([path.join(bin, 'oneos'), ...args], { env, cwd: home, input }),
    sh: (script: string) => run([path.join(bin, 'onesh'), '-c', script], { env, cwd: home }),
  };
}

const sensor = { driver: 'simulated', count: 2, intervalMs: 1 };
const gate = machine('gate');
const vault = machine('vault', [
  { ...sensor, name: 'open' },
  { ...sensor, name: 'closed' },
  { name: 'lamp', driver: 'gpio', chip: 'emulated', dir: path.join(dir, 'gpio'), line: 7, direction: 'out' },
]);
const visitor = machine('visitor');

const pub = path.join(vault.home, 'pub');
const secret = path.join(vault.home, 'secret');
const everything = { run: ['*'], read: ['/'], write: ['/'], devices: ['*'] };
const some = { run: ['node', '/usr/bin/printenv'], read: [pub], write: [path.join(pub, 'in')], devices: ['open'] };
const grant = (grants: object) =>
  writeFileSync(vault.grants, JSON.stringify({ owners: everything, users: { [`${user}@visitor`]: grants } }));

test.before(async () => {
  mkdirSync(path.join(pub, 'in'), { recursive: true });
  mkdirSync(path.join(dir, 'gpio'));
  writeFileSync(secret, 'secret\n');
  writeFileSync(path.join(pub, 'a'), 'hello\n');
  symlinkSync('../secret', path.join(pub, 'link'));
  symlinkSync('a', path.join(pub, 'inside'));
  symlinkSync('..', path.join(pub, 'up'));
  symlinkSync('../../made', path.join(pub, 'in', 'dangling'));
  symlinkSync('loop', path.join(pub, 'loop'));
  grant(some);
  assert.is((await gate.oneos(['up', '-d', '--listen', '127.0.0.1:0'])).status, 0);
  for (const [each, options] of [
    [vault, []],
    [visitor, ['--guest']],
  ] as const) {
    const { stdout } = await gate.oneos(['token', ...options]);
    const [, url, token] = /^oneos join (\S+) (\S+)\n$/.exec(stdout)!;
    const joined = await each.oneos(['join', '-d', url!, '-'], token);
    assert.is(joined.status, 0, joined.stderr);
  }
});
test.after(async () => {
  await Promise.all([visitor, vault, gate].map((each) => each.oneos(['down'])));
  rmSync(dir, { recursive: true, force: true });
});

const at = (file: string) => `/net/vault${file}`;
const denied = /^onesh: line \d+: .*Permission denied\n$/;
const rows: readonly {
  readonly what: string;
  readonly run: string;
  readonly stdout?: string;
  readonly status?: number;
  readonly stderr?: RegExp;
  /** A file that must not be there afterwards. */
  readonly not?: string;
}[] = [
  { what: 'a file that is granted', run: `read x <${at(pub)}/a; echo $x`, stdout: 'hello\n' },
  { what: 'through a link that stays inside', run: `read x <${at(pub)}/inside; echo $x`, stdout: 'hello\n' },
  { what: 'by a program of the visitor’s own', run: `cat <${at(pub)}/a`, stdout: 'hello\n' },
  {
    what: 'by a program that would run where the file is',
    run: `cat ${at(pub)}/a`,
    status: 126,
    stderr: /may not run cat on vault\n$/,
  },
  { what: 'a file that is not', run: `cat <${at(secret)}`, status: 2, stderr: denied },
  { what: '..', run: `cat <${at(pub)}/../secret`, status: 2, stderr: denied },
  { what: 'a link that leads out', run: `cat <${at(pub)}/link`, status: 2, stderr: denied },
  { what: 'through a directory that leads out', run: `cat <${at(pub)}/up/secret`, status: 2, stderr: denied },
  { what: 'links without end', run: `cat <${at(pub)}/loop`, status: 2, stderr: /Too many levels of symbolic links/ },
  {
    what: 'whether a secret is there: both are denied',
    run: `cat <${at(vault.home)}/nothing`,
    status: 2,
    stderr: denied,
  },
  { what: 'nothing where one may look', run: `cat <${at(pub)}/none`, status: 2, stderr: /No such file/ },
  { what: 'test of a secret', run: `[ -e ${at(secret)} ]`, status: 1 },
  { what: 'names of what is not granted', run: `echo ${at(vault.home)}/*`, stdout: `${at(vault.home)}/*\n` },
  { what: 'names of what is', run: `echo ${at(pub)}/i*`, stdout: `${at(pub)}/in ${at(pub)}/inside\n` },
  {
    what: 'writing what may be read',
    run: `echo x >${at(pub)}/new`,
    status: 2,
    stderr: denied,
    not: path.join(pub, 'new'),
  },
  { what: 'writing what may be written', run: `echo x >${at(pub)}/in/new && cat <${at(pub)}/in/new`, stdout: 'x\n' },
  {
    what: 'writing through a link that leads out',
    run: `echo x >${at(pub)}/in/dangling`,
    status: 2,
    stderr: denied,
    not: path.join(vault.home, 'made'),
  },
  { what: 'a device that is granted', run: 'cat </dev/open | wc -l | tr -d " "', stdout: '2\n' },
  {
    what: 'a device that is not',
    run: 'cat </dev/closed',
    status: 2,
    stderr: /may not use \/dev\/closed of vault|Permission denied/,
  },
  { what: 'a device name with a slash', run: 'cat </dev/../closed', status: 2, stderr: /No such file/ },
  { what: 'a program that is granted', run: 'on vault printenv ONESH_RUNTIME', stdout: 'vault\n' },
  {
    what: 'a program that is not',
    run: 'on vault cat /etc/hostname',
    status: 126,
    stderr: /may not run cat on vault\n$/,
  },
  {
    what: 'a language that is not',
    run: 'on vault python3 -c "print(1)"',
    status: 126,
    stderr: /may not run python programs on vault\n$/,
  },
  {
    what: 'a machine that says nothing of the user',
    run: 'on gate true',
    status: 126,
    stderr: /may not run true on gate/,
  },
];

test('each of the rows, in one session', async () => {
  const all = rows.map(({ run: text }, i) => `( ${text} ) >out${i} 2>err${i}; echo $? >status${i}`);
  const { stderr: own, status: ended } = await visitor.sh(all.join('\n'));
  assert.is(own, '');
  assert.is(ended, 0);
  for (const [i, row] of rows.entries()) {
    const said = (name: string) => readFileSync(path.join(visitor.home, `${name}${i}`), 'utf8');
    const stderr = said('err');
    if (row.stderr === undefined) assert.is(stderr, '', row.what);
    else assert.match(stderr, row.stderr, `${row.what}: ${stderr}`);
    assert.is(said('out'), row.stdout ?? '', row.what);
    assert.is(said('status'), `${row.status ?? 0}\n`, row.what);
    if (row.not !== undefined) assert.not.ok(existsSync(row.not), `${row.what}: ${row.not} was made`);
  }
});

test('the file calls of a program that runs on the machine itself', async () => {
  const inside = `${at(pub)}/in`;
  writeFileSync(
    path.join(visitor.home, 'calls.js'),
    `const fs = require('node:fs');
const [pub, inside, secret] = ${JSON.stringify([at(pub), inside, at(secret)])};
const calls = {
  read: () => fs.readFileSync(pub + '/a', 'utf8'),
  list: () => fs.readdirSync(pub).length > 3,
  readSecret: () => fs.readFileSync(secret),
  statSecret: () => fs.statSync(secret),
  statLink: () => fs.statSync(pub + '/link'),
  lstatLink: () => fs.lstatSync(pub + '/link').isSymbolicLink(),
  realpath: () => fs.realpathSync(pub + '/inside').endsWith('/pub/a'),
  write: () => fs.writeFileSync(pub + '/a', 'x'),
  mkdir: () => fs.mkdirSync(inside + '/d/e/f', { recursive: true }).endsWith('/in/d'),
  mkdtemp: () => fs.mkdtempSync(inside + '/t-').startsWith(inside + '/t-'),
  linkOut: () => { fs.symlinkSync('../../secret', inside + '/out'); return fs.readFileSync(inside + '/out'); },
  hardLink: () => fs.linkSync(secret, inside + '/hard'),
  rename: () => fs.renameSync(secret, inside + '/moved'),
  renameOut: () => { fs.writeFileSync(inside + '/w', 'x'); fs.renameSync(inside + '/w', pub + '/w'); },
  copy: () => { fs.copyFileSync(pub + '/a', inside + '/copy'); return fs.readFileSync(inside + '/copy', 'utf8'); },
  copySecret: () => fs.copyFileSync(secret, inside + '/copy2'),
  chmod: () => fs.chmodSync(secret, 0o666),
  chmodLink: () => fs.chmodSync(inside + '/out', 0o666),
  truncate: () => fs.truncateSync(inside + '/out'),
  remove: () => fs.rmSync(secret),
  removeOwn: () => { fs.rmSync(inside + '/d', { recursive: true }); return fs.existsSync(inside + '/d'); },
};
for (const [name, call] of Object.entries(calls)) {
  let result;
  try { result = call(); } catch (error) { result = error.code ?? error.message; }
  console.log(name, JSON.stringify(result ?? null));
}
`,
  );
  const { stdout, stderr } = await visitor.sh('on vault node calls.js');
  assert.is(stderr, '');
  const expected = {
    read: 'hello\n',
    list: true,
    readSecret: 'EACCES',
    statSecret: 'EACCES',
    statLink: 'EACCES',
    lstatLink: true,
    realpath: true,
    write: 'EACCES',
    mkdir: true,
    mkdtemp: true,
    linkOut: 'EACCES',
    hardLink: 'EACCES',
    rename: 'EACCES',
    renameOut: 'EACCES',
    copy: 'hello\n',
    copySecret: 'EACCES',
    chmod: 'EACCES',
    chmodLink: 'EACCES',
    truncate: 'EACCES',
    remove: 'EACCES',
    removeOwn: false,
  };
  assert.equal(
    Object.fromEntries(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => [line.split(' ')[0], JSON.parse(line.slice(line.indexOf(' ') + 1))]),
    ),
    expected,
  );
  assert.is(readFileSync(secret, 'utf8'), 'secret\n');
});

test('a program that sets out to escape its context is held by Node.js, where it can', async () => {
  writeFileSync(
    path.join(visitor.home, 'escape.js'),
    `const secret = ${JSON.stringify(secret)};
const ways = {
  binding: () => process.binding('fs') && 'got it',
  addon: () => process.dlopen({ exports: {} }, secret),
  thread: () => new (require('node:worker_threads').Worker)('0', { eval: true }),
  child: () => new (require('node:child_process').ChildProcess)().spawn({ file: '/bin/cat', args: ['cat', secret], stdio: [] }),
};
for (const [name, way] of Object.entries(ways)) {
  try { console.log(name, way() ?? 'did it'); } catch (error) { console.log(name, error.code); }
}
import('node:path').then((m) => console.log(m.sep, require('node:fs').readFileSync(${JSON.stringify(`${at(pub)}/a`)}, 'utf8')));
`,
  );
  const { stdout, stderr } = await visitor.sh('on vault node escape.js');
  assert.match(stdout, /^\/ hello$/m);
  if (!process.allowedNodeEnvironmentFlags.has('--permission')) return;
  assert.is(stderr, '');
  for (const way of ['binding', 'addon', 'child', 'thread'])
    assert.match(stdout, new RegExp(`^${way} ERR_(ACCESS|DLOPEN)_`, 'm'), stdout);
  assert.not.match(stdout, /secret\n|got it/);
});

test('the root of its process is the namespace’s: what it reads there its own home gives, and may refuse', async () => {
  writeFileSync(
    path.join(visitor.home, 'root.js'),
    `try { console.log(require('node:fs').readFileSync('/proc/self/root' + ${JSON.stringify(secret)}, 'utf8')); }
catch (error) { console.log(error.code); }
`,
  );
  const before = readFileSync(visitor.grants);
  // The program itself is read at home by the shell; what it asks for afterwards is its runtime's to give.
  writeFileSync(visitor.grants, JSON.stringify({ users: { [`${user}@visitor`]: { run: ['*'], read: ['/nowhere'] } } }));
  try {
    const { stdout } = await visitor.sh('on vault node root.js');
    assert.not.match(stdout, /secret/);
  } finally {
    writeFileSync(visitor.grants, before);
  }
});

test('a GPIO line is a device like any other', async () => {
  writeFileSync(
    path.join(visitor.home, 'lamp.js'),
    "const { Gpio } = require('onoff'); new Gpio(7, 'out').writeSync(1);\n",
  );
  const refused = await visitor.sh('on vault node lamp.js');
  assert.match(refused.stderr, /may not use \/dev\/lamp of vault/);
  assert.not.ok(existsSync(path.join(dir, 'gpio', 'line7')));
});

test('grants are read again when they change; a mistake in them grants nothing, and is told', async () => {
  grant({ ...some, devices: ['*'] });
  assert.is((await visitor.sh('cat </dev/closed | wc -l | tr -d " "')).stdout, '2\n');
  writeFileSync(vault.grants, '{"users": {"nobody": {}}}');
  assert.match((await visitor.sh('on vault printenv ONESH_RUNTIME')).stderr, /may not run printenv on vault/);
  assert.match((await gate.sh('on vault true')).stderr, /may not run true on vault/);
  const log = readFileSync(path.join(path.dirname(vault.grants), 'oneos.log'), 'utf8');
  assert.is(log, `oneos: ${vault.grants}: users.nobody: must be NAME@RUNTIME; nobody is granted anything\n`);
  grant(some);
  assert.is((await gate.sh('on vault true')).status, 0);
});

test('a guest invites nobody', async () => {
  const { stderr, status } = await visitor.oneos(['token']);
  assert.is(stderr, `oneos: ${user}@visitor is no owner of this cluster\n`);
  assert.is(status, 1);
});

test('a user who is revoked is nobody at once; the machine stays', async () => {
  assert.is((await gate.oneos(['revoke', `${user}@visitor`])).stdout, `${user}@visitor is revoked\n`);
  await until(
    async () => /no such user in this cluster/.test((await visitor.sh('on vault printenv ONESH_RUNTIME')).stderr),
    'the user is nobody',
  );
  assert.match((await gate.oneos(['status'])).stdout, /^visitor +online/m);
});

test.run();
