/**
 * Pattern matching notation (XCU 2.14) for `case`, `${x#pattern}` and pathname expansion. A pattern is text in which a
 * backslash quotes the next character; quoting in the source has already become backslashes.
 */

/** A compiled pattern. */
export interface Pattern {
  /** The whole text matches. */
  matches(text: string): boolean;
  /** Length of the prefix (suffix) that `#`, `##` (`%`, `%%`) removes; -1: none matches. */
  prefix(text: string, longest: boolean): number;
  suffix(text: string, longest: boolean): number;
}

const special = /[*?[\\]/;

/** True when the text has an unquoted `*`, `?` or `[`: something to match rather than compare. */
export function hasPattern(text: string): boolean {
  if (!/[*?[]/.test(text)) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i += 1;
    else if (c === '*' || c === '?' || (c === '[' && text.indexOf(']', i + 1) > 0)) return true;
  }
  return false;
}

/** The pattern without its backslash quoting. */
export const unescapePattern = (text: string): string => (text.includes('\\') ? text.replace(/\\(.)/gsu, '$1') : text);

/** Quotes every character that means something in a pattern. */
export const escapePattern = (text: string): string => text.replace(/[\\*?[\]!^-]/g, '\\$&');

const classes: Readonly<Record<string, string>> = {
  alnum: '\\p{L}\\p{Nd}',
  alpha: '\\p{L}',
  blank: ' \\t',
  cntrl: '\\p{Cc}',
  digit: '0-9',
  graph: '\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}',
  lower: '\\p{Ll}',
  print: '\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Zs}',
  punct: '!-\\/:-@\\[-`{-~\\p{P}\\p{S}',
  space: '\\s',
  upper: '\\p{Lu}',
  xdigit: '0-9A-Fa-f',
};

const escapeRegExp = (c: string): string => (/[\\^$.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c);
/** In a class a hyphen means something too; outside, its escape is an error. */
const escapeInClass = (c: string): string => (c === '-' ? '\\-' : escapeRegExp(c));

interface Translated {
  readonly source: string;
  readonly stars: number;
}

/** Pattern to regular expression source (flags `su`); `any` stands for `*`. */
export function translate(text: string, lazy = false): Translated {
  let source = '';
  let stars = 0;
  for (let i = 0; i < text.length; ) {
    const c = String.fromCodePoint(text.codePointAt(i)!);
    if (c === '*') {
      while (text[i] === '*') i += 1;
      source += lazy ? '.*?' : '.*';
      stars += 1;
    } else if (c === '?') {
      source += '.';
      i += 1;
    } else if (c === '[') {
      const bracket = readBracket(text, i);
      if (bracket === undefined) {
        source += '\\[';
        i += 1;
      } else {
        source += bracket.source;
        i = bracket.end;
      }
    } else if (c === '\\' && i + 1 < text.length) {
      const next = String.fromCodePoint(text.codePointAt(i + 1)!);
      source += escapeRegExp(next);
      i += 1 + next.length;
    } else {
      source += escapeRegExp(c);
      i += c.length;
    }
  }
  return { source, stars };
}

/** A bracket expression at `start` (XCU 2.14.1, XBD 9.3.5); undefined when the `[` has no end and stands for itself. */
function readBracket(text: string, start: number): { source: string; end: number } | undefined {
  let i = start + 1;
  let negated = false;
  if (text[i] === '!') {
    negated = true;
    i += 1;
  }
  let body = '';
  let first = true;
  let empty = true;
  /** One element's first and last code point. */
  const element = (): string | { klass: string } | undefined => {
    const c = text[i];
    if (c === undefined) return undefined;
    if (c === '[' && (text[i + 1] === ':' || text[i + 1] === '=' || text[i + 1] === '.')) {
      const kind = text[i + 1]!;
      const close = text.indexOf(`${kind}]`, i + 2);
      if (close > 0) {
        const name = text.slice(i + 2, close);
        if (kind === ':') {
          if (classes[name] === undefined) return undefined;
          i = close + 2;
          return { klass: classes[name] };
        }
        i = close + 2;
        return name;
      }
    }
    if (c === '\\' && i + 1 < text.length) i += 1;
    const point = String.fromCodePoint(text.codePointAt(i)!);
    i += point.length;
    return point;
  };
  for (;;) {
    const c = text[i];
    if (c === undefined) return undefined;
    if (c === ']' && !first) {
      i += 1;
      break;
    }
    first = false;
    const low = element();
    if (low === undefined) return undefined;
    if (typeof low !== 'string') {
      body += low.klass;
      empty = false;
      continue;
    }
    if (text[i] === '-' && text[i + 1] !== undefined && text[i + 1] !== ']') {
      i += 1;
      const high = element();
      if (high === undefined) return undefined;
      if (typeof high !== 'string') {
        body += `${escapeInClass(low)}\\-${high.klass}`;
        empty = false;
        continue;
      }
      if (low.codePointAt(0)! <= high.codePointAt(0)!) {
        body += `${escapeInClass(low)}-${escapeInClass(high)}`;
        empty = false;
      }
      continue;
    }
    body += escapeInClass(low);
    empty = false;
  }
  if (empty) return { source: negated ? '.' : '[]', end: i };
  return { source: `[${negated ? '^' : ''}${body}]`, end: i };
}

class LiteralPattern implements Pattern {
  constructor(private readonly text: string) {}
  matches(text: string): boolean {
    return text === this.text;
  }
  prefix(text: string): number {
    return text.startsWith(this.text) ? this.text.length : -1;
  }
  suffix(text: string): number {
    return text.endsWith(this.text) ? this.text.length : -1;
  }
}

/** `*` and a literal on one or both sides: the forms that scripts use most. */
class StarPattern implements Pattern {
  constructor(
    private readonly before: string,
    private readonly after: string,
  ) {}
  matches(text: string): boolean {
    return (
      text.length >= this.before.length + this.after.length && text.startsWith(this.before) && text.endsWith(this.after)
    );
  }
  prefix(text: string, longest: boolean): number {
    if (!text.startsWith(this.before)) return -1;
    const at = longest ? text.lastIndexOf(this.after) : text.indexOf(this.after, this.before.length);
    return at < this.before.length ? -1 : at + this.after.length;
  }
  suffix(text: string, longest: boolean): number {
    if (!text.endsWith(this.after)) return -1;
    const limit = text.length - this.after.length - this.before.length;
    if (limit < 0) return -1;
    const at = longest ? text.indexOf(this.before) : text.lastIndexOf(this.before, limit);
    return at < 0 || at > limit ? -1 : text.length - at;
  }
}

class RegExpPattern implements Pattern {
  private readonly whole: RegExp;
  private readonly simple: { greedyPrefix: RegExp; lazyPrefix: RegExp } | undefined;
  constructor(text: string) {
    const { source, stars } = translate(text);
    this.whole = new RegExp(`^(?:${source})$`, 'su');
    // With at most one star a greedy (lazy) match is the longest (shortest) one.
    this.simple =
      stars <= 1
        ? {
            greedyPrefix: new RegExp(`^(?:${source})`, 'su'),
            lazyPrefix: new RegExp(`^(?:${translate(text, true).source})`, 'su'),
          }
        : undefined;
  }
  matches(text: string): boolean {
    return this.whole.test(text);
  }
  prefix(text: string, longest: boolean): number {
    if (this.simple !== undefined) {
      const found = (longest ? this.simple.greedyPrefix : this.simple.lazyPrefix).exec(text);
      return found === null ? -1 : found[0].length;
    }
    return this.search(
      text.length,
      longest,
      (length) => text.slice(0, length),
      (length) => splitsPair(text, length),
    );
  }
  suffix(text: string, longest: boolean): number {
    const size = text.length;
    return this.search(
      size,
      longest,
      (length) => text.slice(size - length),
      (length) => splitsPair(text, size - length),
    );
  }
  private search(
    size: number,
    longest: boolean,
    part: (length: number) => string,
    skip: (length: number) => boolean,
  ): number {
    for (let n = 0; n <= size; n++) {
      const length = longest ? size - n : n;
      if (!skip(length) && this.whole.test(part(length))) return length;
    }
    return -1;
  }
}

/** True when cutting at `at` would take a surrogate pair apart. */
function splitsPair(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return false;
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

const cache = new Map<string, Pattern>();

/** Compiles a pattern; the same text again is a look-up. */
export function compilePattern(text: string): Pattern {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const made = makePattern(text);
  if (cache.size > 512) cache.clear();
  cache.set(text, made);
  return made;
}

function makePattern(text: string): Pattern {
  if (!special.test(text) || !hasPattern(text)) return new LiteralPattern(unescapePattern(text));
  const star = text.indexOf('*');
  if (star >= 0 && !special.test(text.slice(0, star)) && !special.test(text.slice(star + 1))) {
    return new StarPattern(text.slice(0, star), text.slice(star + 1));
  }
  return new RegExpPattern(text);
}
