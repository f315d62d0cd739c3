/** `oneos`, the system: its command line. Each command is a file of its own. */
import { parseArgs } from 'node:util';
import { setModuleRoot } from '../host/modules.js';
import { WireError } from '../wire/errors.js';
import { isRuntimeName, isUserName } from '../wire/ids.js';
import { writeAcl } from './acl.js';
import { install } from './install.js';
import { configurationFile, homeDirectory } from './local.js';
import { runLocalCluster } from './local-cluster.js';
import { printStatus } from './status.js';
import { printToken, revoke } from './token.js';
import { down, runChild, up } from './up.js';

declare const ONESH_VERSION: string;

const usage = `usage: oneos up [-d] [--name NAME] [--broker URL | --listen HOST:PORT]   start this machine's runtime
       oneos up [-d] [--name NAME] --engine URL [--broker URL]   start one of several kernel runtimes, whose state is in NATS
       oneos join [-d] [--name NAME] URL TOKEN        add this machine to a cluster and start its runtime
                                                      (TOKEN - : read it from standard input)
       oneos down                                     stop this machine's runtime
       oneos token [--lifetime SECONDS] [--guest]     print a one-time token and how to join with it; whoever does becomes
                                                      an owner of the cluster, unless a guest
       oneos revoke NAME                              take the key of a machine, or of a user NAME@MACHINE, away:
                                                      it is out within seconds
       oneos acl [--nats] DIRECTORY                   files that let a broker of your own keep the machines apart: who may
                                                      say and hear what, and each one's user name and password
       oneos install [--user] [--print] [--json]      a systemd unit that starts this machine's runtime with the machine, or
                                                      with its user's session; --print: only show it
       oneos status [--json]                          runtimes, kernel agents, devices, jobs
       oneos cluster N [--broker URL] [-- command …]  a local cluster of N runtimes for trying things;
                                                      with a command: stopped when the command ends
       oneos --version | --help

  -d   in the background
`;

/** Wrong use of the command line: exit status 2. */
class UsageError extends Error {}

const options = {
  name: { type: 'string' },
  broker: { type: 'string' },
  engine: { type: 'string' },
  listen: { type: 'string' },
  detach: { type: 'boolean', short: 'd' },
  json: { type: 'boolean' },
  lifetime: { type: 'string' },
  guest: { type: 'boolean' },
  nats: { type: 'boolean' },
  user: { type: 'boolean' },
  print: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Options each command takes. */
const commands: Readonly<Record<string, readonly (keyof typeof options)[]>> = {
  up: ['name', 'broker', 'engine', 'listen', 'detach'],
  join: ['name', 'detach'],
  down: [],
  token: ['lifetime', 'guest'],
  revoke: [],
  acl: ['nats'],
  install: ['user', 'print', 'json'],
  status: ['json'],
  cluster: ['broker'],
};

/** `HOST:PORT`, `HOST` or `:PORT`, an IPv6 address in brackets. @throws UsageError */
function parseListen(text: string): { host: string | undefined; port: number | undefined } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (match === null || text === '' || (port !== undefined && port > 65535))
    throw new UsageError(`--listen ${text}: must be HOST:PORT`);
  const host = match[1]!.replace(/^\[|\]$/g, '');
  return { host: host === '' ? undefined : host, port };
}

const isBrokerUrl = (url: string): boolean => /^(mqtts?|wss?|tcp|ssl):\/\/[^/]/.test(url);

function wholeNumber(text: string, what: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new UsageError(`${what} ${text}: must be a number from 1 to ${most}`);
  return value;
}

async function readToken(text: string): Promise<string> {
  if (text !== '-') return text;
  const parts: Buffer[] = [];
  for await (const chunk of process.stdin) parts.push(chunk as Buffer);
  return Buffer.concat(parts).toString().trim();
}

async function run(args: readonly string[]): Promise<number> {
  const dash = args.indexOf('--');
  const own = dash < 0 ? args : args.slice(0, dash);
  const rest = dash < 0 ? [] : args.slice(dash + 1);
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...own], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
  const { values, positionals } = parsed;
  const [command, ...operands] = positionals;
  if (values.version) {
    process.stdout.write(`oneos ${ONESH_VERSION}\n`);
    return 0;
  }
  if (values.help || command === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (command === undefined) throw new UsageError('which command?');
  const allowed = Object.hasOwn(commands, command) ? commands[command]! : undefined;
  if (allowed === undefined) throw new UsageError(`${command}: no such command`);
  for (const name of Object.keys(values))
    if (!allowed.includes(name as keyof typeof options)) throw new UsageError(`${command} takes no --${name}`);
  const want = (count: number, names: string) => {
    if (operands.length !== count) throw new UsageError(`${command} wants ${names === '' ? 'no operands' : names}`);
  };
  if (rest.length > 0 && command !== 'cluster') throw new UsageError(`${command} takes no command`);
  if (values.name !== undefined && !isRuntimeName(values.name))
    throw new UsageError(`--name ${values.name}: must be 1 to 63 lower-case letters, digits or inner hyphens`);
  if (values.broker?.split(',').every(isBrokerUrl) === false)
    throw new UsageError('--broker: must be an mqtt:, mqtts:, ws: or wss: URL, or several with commas between them');
  if (values.engine?.split(',').every((url) => /^(nats|tls):\/\/[^/@]+$/.test(url)) === false)
    throw new UsageError('--engine: must be nats://HOST:PORT or tls://HOST:PORT, or several with commas between them');
  const home = homeDirectory();
  const dist = __dirname;
  const base = { home, configFile: configurationFile(), name: values.name, dist, version: ONESH_VERSION };
  const start = (more: Partial<Parameters<typeof up>[0]>) => up({ ...base, ...more }, values.detach ?? false);
  switch (command) {
    case 'up':
      want(0, '');
      if (values.broker !== undefined && values.listen !== undefined)
        throw new UsageError('--listen is for the embedded broker, --broker names another');
      if (values.engine !== undefined && values.listen !== undefined)
        throw new UsageError('--listen is for the embedded broker, which a cluster with an engine has not');
      return start({
        broker: values.broker,
        engine: values.engine,
        ...(values.listen === undefined ? {} : { listen: parseListen(values.listen) }),
      });
    case 'join': {
      want(2, 'a broker URL and a token');
      const url = operands[0]!;
      if (!url.split(',').every(isBrokerUrl)) throw new UsageError(`${url}: must be an mqtt: or ws: URL`);
      return start({ join: { url, token: await readToken(operands[1]!) } });
    }
    case 'down':
      want(0, '');
      return down(home);
    case 'token':
      want(0, '');
      return printToken(
        home,
        wholeNumber(values.lifetime ?? '3600', '--lifetime', 366 * 24 * 3600),
        values.guest ?? false,
      );
    case 'revoke':
      want(1, "a runtime's or a user's name");
      if (!isRuntimeName(operands[0]!) && !isUserName(operands[0]!))
        throw new UsageError(`${operands[0]}: not a runtime's or a user's name`);
      return revoke(home, operands[0]);
    case 'acl':
      want(1, 'a directory');
      return writeAcl(home, operands[0]!, values.nats ? 'nats' : 'mosquitto');
    case 'install':
      want(0, '');
      return install({
        home,
        dist,
        user: values.user ?? false,
        print: values.print ?? false,
        json: values.json ?? false,
      });
    case 'status':
      want(0, '');
      return printStatus(home, values.json ?? false);
    default:
      want(1, 'a number of runtimes');
      return runLocalCluster({
        count: wholeNumber(operands[0]!, 'cluster', 50),
        broker: values.broker,
        command: rest,
        home,
        dist,
      });
  }
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  setModuleRoot(__dirname);
  try {
    process.exitCode = args[0] === runChild.word ? await runChild.main() : await run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`oneos: ${error.message}\n${usage}`);
      process.exitCode = 2;
    } else if (error instanceof WireError) {
      process.stderr.write(`oneos: ${error.message}\n`);
      process.exitCode = 1;
    } else throw error;
  }
  // Timers and sockets of libraries are nobody's business any more.
  process.exit();
}

void main();
