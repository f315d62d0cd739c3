/**
 * Bytes as text and back, without loss. Shell input is bytes; a JavaScript string holds UTF-16. Well-formed UTF-8 decodes as
 * usual; a byte that is not part of well-formed UTF-8 becomes the lone low surrogate U+DC00 + byte (the convention of
 * Python's PEP 383), which `encodeBytes` turns back.
 */

/** Bytes -> string; never fails. `decodeBytes(encodeBytes(s)) === s` for every string without other lone surrogates. */
export function decodeBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8', start, end);
  return text.includes('\ufffd') ? decodeCarefully(buffer.subarray(start, end)) : text;
}

/** String -> bytes; lone low surrogates U+DC80…U+DCFF become the bytes they stand for. */
export function encodeBytes(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text, 'utf8') : encodeCarefully(text);
}

/** The length in bytes of a well-formed UTF-8 sequence at `i`, or 0 (Unicode 15 table 3-7). */
function sequenceLength(b: Buffer, i: number): number {
  const first = b[i]!;
  if (first < 0x80) return 1;
  const continuation = (at: number, low = 0x80, high = 0xbf) => at < b.length && b[at]! >= low && b[at]! <= high;
  if (first >= 0xc2 && first <= 0xdf) return continuation(i + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return continuation(i + 1, low, high) && continuation(i + 2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return continuation(i + 1, low, high) && continuation(i + 2) && continuation(i + 3) ? 4 : 0;
  }
  return 0;
}

function decodeCarefully(b: Buffer): string {
  let text = '';
  let start = 0;
  for (let i = 0; i < b.length; ) {
    const length = sequenceLength(b, i);
    if (length === 0) {
      text += b.toString('utf8', start, i) + String.fromCharCode(0xdc00 + b[i]!);
      i += 1;
      start = i;
    } else i += length;
  }
  return text + b.toString('utf8', start);
}

function encodeCarefully(text: string): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next <= 0xdfff) {
        i += 1;
        continue;
      }
    }
    if (unit >= 0xdc80 && unit <= 0xdcff) {
      parts.push(Buffer.from(text.slice(start, i), 'utf8'), Buffer.from([unit - 0xdc00]));
      start = i + 1;
    }
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}
