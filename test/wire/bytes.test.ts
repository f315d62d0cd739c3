import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeBytes, encodeBytes } from '../../src/wire/bytes.js';

const test = suite('bytes as text');

test('every byte value survives, alone and next to good UTF-8', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (const bytes of [[byte], [0x61, byte, 0x62], [0xc3, 0xa9, byte], [byte, 0xe2, 0x82, 0xac]]) {
      assert.equal([...encodeBytes(decodeBytes(Uint8Array.from(bytes)))], bytes);
    }
  }
});

test('well-formed UTF-8 decodes as usual, U+FFFD included', () => {
  assert.is(decodeBytes(Buffer.from('héllo € 𝄞 \ufffd')), 'héllo € 𝄞 \ufffd');
  assert.equal(encodeBytes('𝄞'), Buffer.from('𝄞'));
});

test('surrogates and overlong forms in UTF-8 are not well-formed, byte by byte', () => {
  for (const bytes of [
    [0xed, 0xa0, 0x80],
    [0xc0, 0xaf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
  ]) {
    const text = decodeBytes(Uint8Array.from(bytes));
    assert.is(text.length, bytes.length);
    assert.equal([...encodeBytes(text)], bytes);
  }
});

test.run();
