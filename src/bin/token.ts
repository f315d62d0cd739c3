/** `oneos token` and `oneos revoke`: who may become a member, and who is one no more. */
import os from 'node:os';
import { printableUrl } from '../bus/mqtt.js';
import type { RuntimeName, UserName } from '../wire/ids.js';
import { askKernel, openClient } from './client.js';

/** This machine's address as others may reach it; undefined when it has none but loopback. */
function outwardAddress(): string | undefined {
  for (const list of Object.values(os.networkInterfaces()))
    for (const { family, internal, address } of list ?? []) if (family === 'IPv4' && !internal) return address;
  return undefined;
}

/** The broker's URL for another machine, and whether one can reach it at all. */
export function joinUrl(broker: string): { readonly url: string; readonly local: boolean } {
  const all = broker.split(',').map(outwardUrl);
  return { url: all.map(({ url }) => url).join(','), local: all.every(({ local }) => local) };
}

function outwardUrl(broker: string): { readonly url: string; readonly local: boolean } {
  const url = new URL(printableUrl(broker));
  const text = () => `${url.protocol}//${url.host}`;
  if (/^(127\.|localhost$|\[::1\]$)/.test(url.hostname)) return { url: text(), local: true };
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = outwardAddress() ?? os.hostname();
  return { url: text(), local: false };
}

/** @throws WireError when no runtime is up, or the name server cannot be asked */
export async function printToken(home: string, lifetime: number, guest: boolean): Promise<number> {
  const client = await openClient(home);
  try {
    const { token } = await askKernel(client.peer, 'nameserver', { type: 'token.new', lifetime, guest }, 'token');
    const { url, local } = joinUrl(client.members.signed.record.broker);
    process.stdout.write(`oneos join ${url} ${token}\n`);
    if (local)
      process.stderr.write(
        'oneos: the broker listens on this machine alone; for others, start it with: oneos up --listen 0.0.0.0\n',
      );
    return 0;
  } finally {
    await client.close();
  }
}

/** @throws WireError EPERM, ENOENT, EBUSY; when no runtime is up, or the name server cannot be asked */
export async function revoke(home: string, name: RuntimeName | UserName): Promise<number> {
  const client = await openClient(home);
  try {
    await askKernel(client.peer, 'nameserver', { type: 'revoke', name }, 'ok');
    process.stdout.write(`${name} is revoked\n`);
    return 0;
  } finally {
    await client.close();
  }
}
