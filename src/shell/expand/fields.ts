/**
 * Where expansion results go. A sink receives the parts of one word in order: `Fields` splits them (XCU 2.6.5) and finds
 * the patterns for pathname expansion (2.6.6); `PatternText` keeps quoted characters quoted (`case` patterns, `${x#pattern}`).
 */

import { type Ifs, Separates, separates } from '../state.js';
import { escapePattern, hasPattern } from './pattern.js';

export interface Sink {
  /** Unquoted text of the source: not split. */
  literal(text: string): void;
  /** Quoted text, or the result of a quoted expansion. */
  quoted(text: string): void;
  /** The result of an unquoted expansion: split where the sink splits. */
  expansion(text: string): void;
  /** `$@` and `$*`, quoted or not (XCU 2.5.2). */
  parameters(list: readonly string[], star: boolean, quoted: boolean): void;
}

const patternCharacter = /[*?[]/;

/** True for the result of an expansion that is neither split nor a pattern: one field, or none if it is null. */
export function isOneField(text: string, ifs: Ifs): boolean {
  const { ends } = ifs;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 128 ? ifs.wide !== '' : ends[c] === 1) return false;
  }
  return true;
}

/** Splits into fields. `finish` ends the word; {@link list} has the fields of all words so far. */
export class Fields implements Sink {
  /** Patterns for pathname expansion, by index in `list`. */
  globs: Map<number, string> | undefined;
  private text = '';
  /** The current field as a pattern, once it has an unquoted pattern character. */
  private pattern: string | undefined;
  private started = false;
  /** The last field was ended by IFS white space, which may go on with one other IFS character. */
  private afterWhite = false;

  constructor(
    readonly list: string[],
    private readonly ifs: Ifs,
    private readonly glob: boolean,
  ) {}

  literal(text: string): void {
    this.append(text);
  }

  quoted(text: string): void {
    if (this.pattern !== undefined) this.pattern += escapePattern(text);
    this.text += text;
    this.started = true;
    this.afterWhite = false;
  }

  private append(text: string): void {
    if (this.pattern !== undefined) this.pattern += text;
    else if (this.glob && patternCharacter.test(text)) this.pattern = escapePattern(this.text) + text;
    this.text += text;
    this.started = true;
    this.afterWhite = false;
  }

  expansion(text: string): void {
    const { ifs } = this;
    const length = text.length;
    let start = 0;
    for (let i = 0; i < length; i++) {
      const what = separates(text.charCodeAt(i), ifs);
      if (what === Separates.no) continue;
      const isWhite = what === Separates.white;
      if (i > start) this.append(text.slice(start, i));
      start = i + 1;
      if (isWhite) {
        if (this.started) {
          this.end();
          this.afterWhite = true;
        }
      } else if (this.started) this.end();
      else if (this.afterWhite) this.afterWhite = false;
      else {
        this.started = true;
        this.end();
      }
    }
    if (start < length) this.append(start === 0 ? text : text.slice(start));
  }

  parameters(list: readonly string[], star: boolean, quoted: boolean): void {
    if (quoted) {
      if (star) {
        this.quoted(list.join(this.ifs.join));
        return;
      }
      list.forEach((value, i) => {
        if (i > 0) this.end();
        this.quoted(value);
      });
      return;
    }
    // Unquoted: each parameter starts a field of its own, then is split.
    let first = true;
    for (const value of list) {
      if (!first && this.started) {
        this.end();
        this.afterWhite = true;
      }
      first = false;
      this.expansion(value);
    }
  }

  private end(): void {
    if (this.pattern !== undefined && hasPattern(this.pattern)) {
      this.globs ??= new Map();
      this.globs.set(this.list.length, this.pattern);
    }
    this.pattern = undefined;
    this.list.push(this.text);
    this.text = '';
    this.started = false;
    this.afterWhite = false;
  }

  finish(): void {
    if (this.started) this.end();
    this.afterWhite = false;
  }
}

export class PatternText implements Sink {
  text = '';
  constructor(private readonly join: string) {}
  literal(text: string): void {
    this.text += text;
  }
  quoted(text: string): void {
    this.text += escapePattern(text);
  }
  expansion(text: string): void {
    this.text += text;
  }
  /** Where nothing is split, `$@` is joined as `$*` (XCU 2.5.2 leaves it open). */
  parameters(list: readonly string[], _star: boolean, quoted: boolean): void {
    const text = list.join(this.join);
    this.text += quoted ? escapePattern(text) : text;
  }
}
