import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeFrame, encodeFrame, type Frame } from '../../src/wire/frame.js';

const test = suite('stream frames');

test('every frame comes back as it was', () => {
  const big = 2 ** 53 - 1;
  const frames: Frame[] = [
    { kind: 'data', offset: big, payload: Buffer.from([0, 255]) },
    { kind: 'data', offset: 0, payload: Buffer.alloc(0) },
    { kind: 'end', offset: 2 ** 32 },
    { kind: 'credit', received: 1, limit: 2 ** 40, echo: 3 },
    { kind: 'hello', received: 0, limit: 1 << 20 },
    { kind: 'reset', code: 'EPIPE', message: 'the reader\nhas gone €' },
    { kind: 'ping', offset: 5 },
    { kind: 'pong', offset: 6 },
  ];
  for (const frame of frames) assert.equal(decodeFrame(encodeFrame(frame)), frame);
});

test('what is no frame is refused', () => {
  const credit = encodeFrame({ kind: 'credit', received: 1, limit: 2, echo: 3 });
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(9),
    Buffer.alloc(9, 0xff),
    Buffer.from([1, 255, 255, 255, 255, 0, 0, 0, 0]),
    credit.subarray(0, 24),
    Buffer.from('hello world'),
  ]) {
    assert.is(decodeFrame(bytes), undefined);
  }
});

test.run();
