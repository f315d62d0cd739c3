/** What a terminal sends, taken apart into keys, in whatever pieces it comes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyDecoder } from '../../src/shell/ui/keyboard.js';

const test = suite('keyboard');

/** `in`: the pieces as they are read; `keys`: what they come to; `rest`: what a wait brings; `pastes`: the texts pasted. */
const rows: {
  readonly in: readonly string[];
  readonly keys: readonly string[];
  readonly rest?: readonly string[];
  readonly pastes?: readonly string[];
}[] = [
  { in: ['echo 漢字é'], keys: ['echo 漢字é'] },
  { in: ['a\x1b[Db'], keys: ['a', '\x1b[D', 'b'] },
  { in: ['\x1b[3~\x7f\x01'], keys: ['\x1b[3~', '\x7f', '\x01'] },
  { in: ['\x1bOH\x1bb'], keys: ['\x1bOH', '\x1bb'] },
  { in: ['a\n'], keys: ['a', '\r'] },
  { in: ['a\x1b', '[D'], keys: ['a', '\x1b[D'] },
  { in: ['\x1b[', 'D'], keys: ['\x1b[D'] },
  { in: ['\x1b[1;', '5C', 'x'], keys: ['\x1b[1;5C', 'x'] },
  { in: ['\x1bO', 'F'], keys: ['\x1bOF'] },
  { in: ['\x1b'], keys: [], rest: ['\x1b'] },
  { in: ['ab\x1b'], keys: ['ab'], rest: ['\x1b'] },
  { in: ['\x1b[200~a\x1b[Db\r\nc\x1b[201~d'], keys: ['d'], pastes: ['a\x1b[Db\nc'] },
  { in: ['\x1b[20', '0~two ', 'parts\x1b', '[201~'], keys: [], pastes: ['two parts'] },
  { in: ['\x1b[200~a\x1b', 'b\x1b[201~'], keys: [], pastes: ['a\x1bb'] },
];

for (const row of rows) {
  test(JSON.stringify(row.in), () => {
    const pastes: string[] = [];
    const decoder = new KeyDecoder((text) => pastes.push(text));
    assert.equal(
      row.in.flatMap((piece) => decoder.push(piece)),
      row.keys,
    );
    assert.is(decoder.isWaiting, row.rest !== undefined);
    assert.equal(decoder.flush(), row.rest ?? []);
    assert.equal(pastes, row.pastes ?? []);
  });
}

test.run();
