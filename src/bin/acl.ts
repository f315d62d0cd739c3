/** `oneos acl`: what a broker of one's own needs to keep the machines of a cluster apart. */
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type AclContext, type Identity, type Rules, rulesOf } from '../bus/acl.js';
import { writeDurably } from '../bus/durable-file.js';
import { WireError } from '../wire/errors.js';
import type { RuntimeName } from '../wire/ids.js';
import { engineBuckets, parseBrokerAccess, readMembership } from './home.js';

/** Whose account it is that machines have until they are members. No runtime can be called so. */
const newcomer = 'newcomer_';

interface Account {
  readonly username: string;
  readonly password: string;
  readonly rules: Rules;
}

/**
 * An account as it is kept in DIRECTORY/NAME.json, which becomes the machine's `broker.json`; made where there is none.
 * @throws WireError EINVAL when the file there is something else
 */
async function account(directory: string, username: string, rules: Rules): Promise<Account> {
  const file = path.join(directory, `${username}.json`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new WireError('EINVAL', `${file}: ${error.message}`, { cause: error });
  });
  const known = text === undefined ? undefined : parseBrokerAccess(text, file);
  if (known?.username === username && known.password !== undefined)
    return { username, password: known.password, rules };
  if (known !== undefined) throw new WireError('EINVAL', `${file}: not the account of ${username}`);
  const password = randomBytes(24).toString('base64url');
  await writeDurably(file, `${JSON.stringify({ username, password }, undefined, 2)}\n`);
  return { username, password, rules };
}

/**
 * A line of Mosquitto's password file: PBKDF2 with SHA-512, as mosquitto_passwd(1) writes it since 2.0. What is hashed is random,
 * so that few iterations are enough.
 */
function mosquittoPassword({ username, password }: Account): string {
  const [iterations, salt] = [101, randomBytes(12)];
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `${username}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

const mosquittoRules = ({ username, rules }: Account): string =>
  [
    `user ${username}`,
    ...rules.subscribe.map((filter) => `topic read ${filter}`),
    ...rules.publish.map((filter) => `topic write ${filter}`),
    '',
  ].join('\n');

/** MQTT topic filters as NATS subjects: `/` is `.`, `+` is `*`; `a/#` is `a` and what is below it. */
const subjects = (filters: readonly string[]): string[] =>
  filters.flatMap((filter) => {
    const subject = filter.replaceAll('/', '.').replaceAll('+', '*');
    return subject.endsWith('.#') ? [subject.slice(0, -2), `${subject.slice(0, -2)}.>`] : [subject];
  });

/** What NATS itself asks of a client that speaks MQTT, for subscriptions at QoS 1 (NATS documentation, MQTT, Permissions). */
const natsOwn = ['$MQTT.sub.>'];

const natsUser = ({ username, password, rules }: Account): string =>
  `    ${JSON.stringify({
    user: username,
    password,
    // Over NATS's own protocol it could hear what is delivered to others: see natsOwn.
    allowed_connection_types: ['MQTT'],
    permissions: {
      publish: { allow: subjects(rules.publish) },
      subscribe: { allow: [...subjects(rules.subscribe), ...natsOwn] },
    },
  })}`;

/** Whose account it is that kernel runtimes have for their engine. No runtime can be called so. */
const engineName = 'engine_';

/** All that an engine is asked for, of its own buckets. */
const engineUser = ({ username, password }: Account): string =>
  `    ${JSON.stringify({
    user: username,
    password,
    allowed_connection_types: ['STANDARD', 'WEBSOCKET'],
    permissions: {
      publish: {
        allow: [
          '$JS.API.INFO',
          ...engineBuckets.flatMap((bucket) => [
            `$KV.${bucket}.>`,
            ...['INFO', 'CREATE', 'MSG.GET', 'MSG.DELETE'].map((what) => `$JS.API.STREAM.${what}.KV_${bucket}`),
          ]),
        ],
      },
      subscribe: { allow: ['_INBOX.>'] },
    },
  })}`;

/**
 * Writes, for every member of the cluster and for newcomers, an account (`NAME.json`) and the broker's files. Accounts that are
 * there already are kept; those of machines that are no longer members lose their rights.
 * @throws WireError ENOTCONN when this machine is no member; EINVAL; the system's errors
 */
export async function writeAcl(home: string, directory: string, broker: 'mosquitto' | 'nats'): Promise<number> {
  const membership = readMembership(home);
  if (membership === undefined) throw new WireError('ENOTCONN', `no cluster is known under ${home}`);
  const { record } = membership.signed;
  const context: AclContext = {
    cluster: record.cluster,
    services: record.services,
    kernelRuntimes: record.kernelRuntimes,
  };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const identities: (readonly [string, Identity])[] = [
    ...Object.keys(record.keys)
      .sort()
      .map((name) => [name, { kind: 'machine', name: name as RuntimeName }] as const),
    [newcomer, { kind: 'join', id: '+' }],
  ];
  const accounts: Account[] = [];
  const engine =
    broker === 'nats' && membership.engine !== undefined
      ? await account(directory, engineName, { publish: [], subscribe: [] })
      : undefined;
  for (const [username, identity] of identities)
    accounts.push(await account(directory, username, rulesOf(context, identity)));
  const write = async (name: string, text: string) => {
    await writeDurably(path.join(directory, name), text);
    process.stdout.write(`${path.join(directory, name)}\n`);
  };
  if (broker === 'mosquitto') {
    await write('mosquitto.acl', accounts.map(mosquittoRules).join('\n'));
    await write('mosquitto.passwd', `${accounts.map(mosquittoPassword).join('\n')}\n`);
  } else {
    const users = [...accounts.map(natsUser), ...(engine === undefined ? [] : [engineUser(engine)])];
    await write('nats-users.conf', `authorization {\n  users = [\n${users.join('\n')}\n  ]\n}\n`);
  }
  for (const { username } of [...accounts, ...(engine === undefined ? [] : [engine])])
    process.stdout.write(`${path.join(directory, `${username}.json`)}\n`);
  return 0;
}
