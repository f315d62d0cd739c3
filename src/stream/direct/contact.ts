/** Where this process can be reached, and where to look for another. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Contact } from '../../wire/messages.js';

/** Addresses that are tried at most: a machine with more has many that lead nowhere (bridges, containers). */
const addressesMost = 16;

/** This machine since its last start; other machines have another. */
function machineId(): string {
  let boot = '';
  try {
    boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch {
    // not Linux
  }
  return createHash('sha256').update(`${os.hostname()} ${boot}`).digest('base64url').slice(0, 16);
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** Contact of a listener on `port`; `host` when it listens on that address alone. */
export function ownContact(port: number, host: string | undefined): Contact {
  const addresses = host === undefined ? interfaceAddresses() : [host];
  return { port, addresses: addresses.slice(0, addressesMost), machine: machineId() };
}

function interfaceAddresses(): string[] {
  const all = Object.values(os.networkInterfaces()).flatMap((list) => list ?? []);
  // A link-local IPv6 address means nothing without the interface of whoever dials it.
  const outward = all.filter((a) => !a.internal && !/^fe[89ab]/i.test(a.address)).map((a) => a.address);
  return [...outward, '127.0.0.1'];
}

/** Addresses of `contact` to try from here, all at once. */
export function reachable(contact: Contact): readonly string[] {
  const here = contact.machine === machineId();
  return contact.addresses.filter((address) => here || !isLoopback(address)).slice(0, addressesMost);
}
