/** `oneos install`: systemd accepts the unit, and its command line starts the runtime where it was. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { unitText } from '../../src/bin/install.js';
import { WireError } from '../../src/wire/errors.js';
import type { RuntimeName } from '../../src/wire/ids.js';
import { bin, cleanEnvironment, run, start } from '../support/system.js';

const test = suite('install');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-install-'));
const env: Record<string, string> = { ...cleanEnvironment(dir), XDG_CONFIG_HOME: path.join(dir, 'config') };
const file = path.join(dir, 'config', 'systemd/user/onesh.service');
const oneos = (...args: string[]) => run([path.join(bin, 'oneos'), ...args], { cwd: dir, env });
test.after(() => rmSync(dir, { recursive: true, force: true }));

const membership = { name: 'pi1' as RuntimeName, broker: 'mqtts://[::1]:4000', embedded: true };

test('a machine that is in no cluster has nothing to start', async () => {
  const { status, stdout, stderr } = await oneos('install', '--user');
  assert.equal([status, stdout], [1, '']);
  assert.match(stderr, /^oneos: this machine is in no cluster yet \(.*\): begin with oneos up, or oneos join\n$/);
});

test('names with characters that systemd reads otherwise; a line end has no place in a unit', () => {
  const base = { user: false, program: ['/usr/bin/node', '/opt/a b/$x%"\\.cjs'], account: 'ann', membership } as const;
  const text = unitText({ ...base, home: '/srv/50% $HOME' });
  assert.match(text, '\nExecStart="/usr/bin/node" "/opt/a b/$$x%%\\"\\\\.cjs" "up" "--listen" "[::1]:4000"\n');
  assert.match(text, '\nEnvironment="ONESH_HOME=/srv/50%% $HOME"\nUser=ann\n');
  assert.throws(
    () => unitText({ ...base, home: '/srv\nExecStartPre=/bin/false' }),
    (error: unknown) => error instanceof WireError && error.code === 'EINVAL',
  );
  const joined = { ...membership, embedded: false };
  assert.match(unitText({ ...base, home: '/srv', membership: joined }), / "up"\n/);
});

test('the unit is written, is good, and starts the runtime as it was', async () => {
  await oneos('up', '-d', '--name', 'pi1', '--listen', '127.0.0.1:0');
  const before = JSON.parse(readFileSync(path.join(env.ONESH_HOME!, 'daemon.json'), 'utf8')) as { broker: string };
  await oneos('down');
  const printed = await oneos('install', '--user', '--print');
  assert.throws(() => statSync(file), /ENOENT/);
  const { status, stdout, stderr } = await oneos('install', '--user');
  assert.equal([status, stderr], [0, '']);
  assert.is(stdout, `${file}\nStart it with: systemctl --user daemon-reload && systemctl --user enable --now onesh\n`);
  const text = readFileSync(file, 'utf8');
  assert.is(text, printed.stdout);
  assert.is((await oneos('install', '--user')).status, 0, 'its own file it replaces');

  const command = /^ExecStart=(.*)$/m.exec(text)![1]!;
  const argv = [...command.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
  const home = /^Environment="ONESH_HOME=(.*)"$/m.exec(text)![1]!;
  assert.is(home, env.ONESH_HOME);
  // As a service manager starts it: little environment, no terminal.
  const service = start(argv, { cwd: '/', env: { PATH: env.PATH!, ONESH_HOME: home } });
  const said = await service.said(/^runtime pi1 is up in cluster \S+; its broker is (\S+)\n/);
  assert.is(said[1], before.broker);
  service.child.kill('SIGTERM');
  assert.is((await service.ended).status, 0);
});

test('what somebody else put there stays', async () => {
  writeFileSync(file, '[Service]\nExecStart=/bin/true\n');
  const { status, stderr } = await oneos('install', '--user');
  assert.equal([status, stderr], [1, `oneos: ${file} is there already, and is not of oneos install\n`]);
  assert.match(readFileSync(file, 'utf8'), '/bin/true');
});

if (existsSync('/usr/bin/systemd-analyze'))
  test('systemd-analyze finds nothing wrong with it', async () => {
    const unit = path.join(dir, 'onesh.service');
    for (const flags of [['--user'], []]) {
      writeFileSync(unit, (await oneos('install', '--print', ...flags)).stdout);
      const { status, stdout, stderr } = await run(['systemd-analyze', ...flags, 'verify', unit], {
        env: { ...env, XDG_RUNTIME_DIR: dir },
      });
      assert.equal([status, (stdout + stderr).includes('onesh.service')], [0, false], stdout + stderr);
    }
  });

test.run();
