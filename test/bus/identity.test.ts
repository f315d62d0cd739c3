import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fingerprint, generateKeys, isPublicKey, loadOrCreateKeys, sign, verify } from '../../src/bus/identity.js';

const test = suite('identity');
const keys = generateKeys();
const other = generateKeys();

test('a signature holds for its text and key alone', () => {
  const signature = sign('héllo', keys);
  assert.is(signature.length, 86);
  for (const [text, sig, key, want] of [
    ['héllo', signature, keys.publicKey, true],
    ['hello', signature, keys.publicKey, false],
    ['héllo', signature, other.publicKey, false],
    ['héllo', sign('héllo', other), keys.publicKey, false],
    ['héllo', '', keys.publicKey, false],
    ['héllo', signature, 'rubbish', false],
  ] as const) {
    assert.is(verify(text, sig, key), want);
  }
  assert.ok(isPublicKey(keys.publicKey));
  assert.not.ok(isPublicKey('AAAA'));
  assert.is(fingerprint(keys.publicKey).length, 22);
});

test('keys are made once, readable by their owner alone, and kept', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'onesh-keys-'));
  try {
    const file = path.join(directory, 'deep', 'key.pem');
    const made = await loadOrCreateKeys(file);
    assert.is((await stat(file)).mode & 0o777, 0o600);
    assert.equal(await readdir(path.dirname(file)), ['key.pem']);
    const read = await loadOrCreateKeys(file);
    assert.is(read.publicKey, made.publicKey);
    assert.ok(verify('x', sign('x', read), made.publicKey));
    await writeFile(file, 'rubbish');
    const error = await loadOrCreateKeys(file).catch((e: unknown) => e);
    assert.match(String(error), `${file}: not a private key`);
    assert.is(await readFile(file, 'utf8'), 'rubbish', 'a broken key is never overwritten');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test.run();
