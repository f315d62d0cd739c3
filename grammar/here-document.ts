/** Here-documents (XCU 2.7.4): the lines of a body, and what a delimiter word says. */

export interface HereLines {
  readonly text: string;
  /** Offset behind the delimiter's line, or the end of the source. */
  readonly end: number;
  /** False: the source ended before the delimiter came, which ends the body as well (dash and others). */
  readonly closed: boolean;
}

/** Reads lines from `from` up to the delimiter. `strip`: leading tabs go (`<<-`). Unquoted, a backslash-newline joins lines first. */
export function readHereLines(
  source: string,
  from: number,
  delimiter: string,
  quoted: boolean,
  strip: boolean,
): HereLines {
  const lines: string[] = [];
  let at = from;
  while (at < source.length) {
    const pieces: string[] = [];
    let ended = false;
    for (;;) {
      const newline = source.indexOf('\n', at);
      const end = newline < 0 ? source.length : newline;
      ended = newline >= 0;
      const joined = ended && !quoted && trailingBackslashes(source, at, end) % 2 === 1;
      pieces.push(source.slice(at, joined ? end - 1 : end));
      at = ended ? end + 1 : end;
      if (!joined || at >= source.length) break;
    }
    let line = pieces.length === 1 ? pieces[0]! : pieces.join('');
    if (strip) line = line.replace(/^\t+/, '');
    if (line === delimiter) return { text: lines.join(''), end: at, closed: true };
    lines.push(ended ? `${line}\n` : line);
  }
  return { text: lines.join(''), end: at, closed: false };
}

function trailingBackslashes(source: string, from: number, end: number): number {
  let at = end;
  while (at > from && source.charCodeAt(at - 1) === 92) at -= 1;
  return end - at;
}

/** Quote removal on a delimiter; nothing else happens to it, not even expansion. */
export function unquoteDelimiter(image: string): { readonly delimiter: string; readonly quoted: boolean } {
  let out = '';
  let quote = '';
  let quoted = false;
  for (let i = 0; i < image.length; i++) {
    const c = image[i]!;
    if (quote === "'") {
      if (c === "'") quote = '';
      else out += c;
      continue;
    }
    if (c === '\\') {
      const next = image[i + 1];
      if (next === '\n') {
        i += 1;
        continue;
      }
      quoted = true;
      if (next !== undefined && (quote === '' || '$`"\\'.includes(next))) {
        out += next;
        i += 1;
      } else out += c;
    } else if (c === quote) quote = '';
    else if (quote === '' && (c === "'" || c === '"')) {
      quoted = true;
      quote = c;
    } else out += c;
  }
  return { delimiter: out, quoted };
}
