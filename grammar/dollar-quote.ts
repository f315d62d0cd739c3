/** `$'…'` (XCU 2.2.4): escape sequences to text. Bytes that are no UTF-8 become lone surrogates U+DC00 + byte. */

const simple: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Gathers text and bytes; a NUL ends the string, as in dash and bash. */
class Decoded {
  private text = '';
  private bytes: number[] = [];
  private ended = false;

  add(text: string): void {
    this.flush();
    if (!this.ended) this.text += text;
  }
  addByte(byte: number): void {
    if (byte === 0) {
      this.flush();
      this.ended = true;
    } else if (!this.ended) this.bytes.push(byte);
  }
  private flush(): void {
    if (this.bytes.length > 0) this.text += decode(this.bytes);
    this.bytes = [];
  }
  whole(): string {
    this.flush();
    return this.text;
  }
}

/** Reads from behind the opening quote; `end` is behind the closing one. undefined: the closing quote is missing. */
export function readDollarQuoted(
  source: string,
  from: number,
): { readonly text: string; readonly end: number } | undefined {
  const out = new Decoded();
  for (let at = from; at < source.length; ) {
    const c = source.charCodeAt(at);
    if (c === 39) return { text: out.whole(), end: at + 1 };
    if (c === 92) {
      if (at + 1 >= source.length) return undefined;
      at = escapeSequence(source, at + 1, out);
      continue;
    }
    const start = at;
    while (at < source.length && source.charCodeAt(at) !== 39 && source.charCodeAt(at) !== 92) at += 1;
    out.add(source.slice(start, at));
  }
  return undefined;
}

/** One escape sequence, from behind its backslash; returns the offset behind it. */
function escapeSequence(source: string, at: number, out: Decoded): number {
  const e = source[at]!;
  const known = simple[e];
  if (known !== undefined) {
    out.add(known);
    return at + 1;
  }
  const rest = source.slice(at, at + 9);
  const octal = /^[0-7]{1,3}/.exec(rest);
  if (octal !== null) {
    out.addByte(Number.parseInt(octal[0], 8) & 0xff);
    return at + octal[0].length;
  }
  const hex = /^x([0-9a-fA-F]{1,2})/.exec(rest);
  if (hex !== null) {
    out.addByte(Number.parseInt(hex[1]!, 16));
    return at + hex[0].length;
  }
  const unicode = /^u([0-9a-fA-F]{1,4})|^U([0-9a-fA-F]{1,8})/.exec(rest);
  if (unicode !== null) {
    const point = Number.parseInt(unicode[1] ?? unicode[2]!, 16);
    if (point === 0) out.addByte(0);
    else out.add(point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd');
    return at + unicode[0].length;
  }
  const control = source[at + 1];
  if (e === 'c' && control !== undefined && control !== "'") {
    // `\c?` is DEL (stty, XCU); `\c\\` takes both backslashes.
    out.addByte(control === '?' ? 0x7f : control.charCodeAt(0) & 0x1f);
    return at + (control === '\\' && source[at + 2] === '\\' ? 3 : 2);
  }
  out.add(`\\${e}`);
  return at + 1;
}

function decode(bytes: readonly number[]): string {
  // Made here: a decoder cannot be part of a start-up snapshot.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i]!;
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    const part = bytes.slice(i, i + length);
    let decoded: string | undefined;
    if (length > 0 && part.length === length) {
      try {
        decoded = utf8.decode(Uint8Array.from(part));
      } catch {
        // No UTF-8: the byte stands alone.
      }
    }
    text += decoded ?? String.fromCharCode(0xdc00 + first);
    i += decoded === undefined ? 1 : length;
  }
  return text;
}
