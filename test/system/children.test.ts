/**
 * Children of a JavaScript program: where the shell would place a command, its child is placed; any other is a process of the home
 * runtime's host, and where the program is at home its own.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster, type TestCluster } from '../support/system.js';

const test = suite('children of programs');
let cluster: TestCluster;
/** By where the program ran and the name of a case: what it came to. */
const said = new Map<string, Readonly<Record<string, unknown>>>();

/** Each runs in the program; `far` is a directory of another machine. */
const cases: Readonly<Record<string, { readonly run: string; readonly want: unknown; readonly away?: unknown }>> = {
  'on, in a text': {
    run: 'cp.execSync("on pi2 sh -c \'echo $ONESH_RUNTIME\' | tr a-z A-Z", { encoding: "utf8" })',
    want: 'PI2\n',
  },
  'on, as words': {
    run: 'cp.execFileSync("on", ["pi2", "sh", "-c", "echo $ONESH_RUNTIME \'$1\'", "x", "a  b"], { encoding: "utf8" })',
    want: 'pi2 $1\n',
  },
  'a program there': {
    run: 'promisify(cp.execFile)(far + "/where", ["x y"]).then((r) => r.stdout)',
    want: 'pi2 x y\n',
  },
  'a native program, its operand there': {
    run: 'promisify(cp.exec)("grep -c ERROR " + far + "/log").then((r) => r.stdout)',
    want: '2\n',
  },
  'an operand there, in words, and a status': {
    run: 'new Promise((done) => cp.spawn("grep", ["-q", "nothing", far + "/log"]).on("close", (...how) => done(how)))',
    want: [1, null],
  },
  'standard input and output, there': {
    run: 'cp.spawnSync("tee", [made], { input: "given" }).stdout.toString() + fs.readFileSync(made, "utf8")',
    want: 'givengiven',
  },
  'a device': {
    run: 'cp.spawnSync("head", ["-n", "1", "/dev/lamp"], { encoding: "utf8" }).stdout',
    want: '0\n',
  },
  'a program of this host, on a file there': {
    run: 'cp.spawnSync(process.execPath, ["./read.js", far + "/log"], { encoding: "utf8" }).stdout',
    want: 'ERROR 1\n',
  },
  'an environment of its own': {
    run: 'cp.execSync("on pi2 sh -c \'echo $ONESH_RUNTIME $A\'", { env: { A: "given" }, encoding: "utf8" })',
    want: 'pi2 given\n',
  },
  'what is not there': {
    run: 'cp.spawnSync(far + "/none").error.code',
    want: 'ENOENT',
  },
  'a failure': {
    run: 'promisify(cp.exec)("cat " + far + "/none").catch((e) => [e.code, e.cmd === "cat " + far + "/none", /No such file/.test(e.stderr)])',
    want: [1, true, true],
  },
  'a signal': {
    run: 'new Promise((done) => { const c = cp.spawn("on", ["pi2", "sh", "-c", "echo up; exec sleep 60"]); c.stdout.once("data", () => c.kill()); c.on("exit", (...how) => done(how.join())); })',
    want: ',SIGTERM',
  },
  'a shell that is named': { run: 'cp.spawnSync("on pi2 true", { shell: "/bin/sh" }).status', want: 127 },
  'what is only here': {
    run: 'cp.execSync("tr \'\\\\0\' \' \' </proc/$PPID/cmdline", { encoding: "utf8" }).includes("main.js")',
    want: true,
    away: false,
  },
  'a file that is forked, with messages': {
    run: 'new Promise((done) => cp.fork(far + "/child.js", ["a"]).on("message", done))',
    want: 'child a pi1',
    away: 'child a pi2',
  },
  'what is forked here, on a file there': {
    run: 'new Promise((done) => cp.fork("./forked.js", [far + "/log"]).on("message", done))',
    want: 'ERROR 1',
  },
};

const text = `#!/usr/bin/env node
const cp = require('child_process'), fs = require('fs'), { promisify } = require('util'), far = process.env.FAR, made = far + '/made-by-' + process.env.ONESH_RUNTIME;
const cases = { ${Object.entries(cases)
  .map(([name, { run }]) => `${JSON.stringify(name)}: () => ${run}`)
  .join(',\n')} };
(async () => {
  const said = {};
  for (const [name, run] of Object.entries(cases)) said[name] = await Promise.resolve().then(run).catch((e) => String(e.stack));
  console.log(JSON.stringify(said));
})();`;

test.before(async () => {
  cluster = await startCluster(2);
  const far = path.join(cluster.dir, 'far');
  mkdirSync(far);
  const write = (name: string, content: string): void => writeFileSync(path.join(cluster.dir, name), content);
  write('far/where', '#!/bin/sh\necho $ONESH_RUNTIME "$1"\n');
  write('far/log', 'ERROR 1\nfine\nERROR 2\n');
  write(
    'far/child.js',
    "process.send('child ' + process.argv[2] + ' ' + process.env.ONESH_RUNTIME); process.disconnect();",
  );
  write('read.js', "console.log(require('fs').readFileSync(process.argv[2], 'utf8').split('\\n')[0]);");
  write(
    'forked.js',
    "process.send(require('fs').readFileSync(process.argv[2], 'utf8').split('\\n')[0]); process.disconnect();",
  );
  write('main.js', text);
  for (const name of ['far/where', 'main.js']) chmodSync(path.join(cluster.dir, name), 0o755);
  const runOn = async (where: string): Promise<void> => {
    const { stdout, stderr } = await cluster.sh(`FAR=/net/pi2${far} on ${where} ./main.js`);
    assert.is(stderr, '');
    said.set(where, JSON.parse(stdout) as Record<string, unknown>);
  };
  await Promise.all(['pi1', 'pi2'].map(runOn));
});
test.after(() => cluster.close());

for (const [name, { want, away = want }] of Object.entries(cases)) {
  test(name, () => assert.equal(said.get('pi1')![name], want));
  test(`${name}, away from home`, () => assert.equal(said.get('pi2')![name], away));
}
test.run();
