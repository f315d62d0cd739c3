/**
 * Characters as LC_CTYPE has them (XBD 8.2): UTF-8, or one per byte. Text is UTF-16 inside the shell, which is right for UTF-8; for
 * another locale a text beyond ASCII is taken apart into bytes, each a lone surrogate as for a byte that is no character.
 */
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import type { Env } from '../state.js';
import { compilePattern } from './pattern.js';

const beyondAscii = /[^\0-\x7f]/;

/** True for text whose characters are the same in every locale. */
export function isAscii(text: string): boolean {
  // The regular expression is faster once it is under way.
  if (text.length > 48) return !beyondAscii.test(text);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** True where the locale's characters are UTF-8. */
function isUtf8(env: Env): boolean {
  const name = env.get('LC_ALL') || env.get('LC_CTYPE') || env.get('LANG') || 'C';
  return /utf-?8/i.test(name);
}

/** The text with one code point for each character of the locale. */
export function inLocale(text: string, env: Env): string {
  if (isAscii(text)) return text;
  if (isUtf8(env)) return whole(text);
  let out = '';
  for (const byte of encodeBytes(text)) out += String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
  return out;
}

/** Bytes that have come to stand together as a character become it. */
export const whole = (text: string): string => (text.isWellFormed() ? text : decodeBytes(encodeBytes(text)));

/** The number of characters (`${#x}`). */
export function characters(text: string, env: Env): number {
  if (isAscii(text)) return text.length;
  let count = 0;
  for (const _ of inLocale(text, env)) count += 1;
  return count;
}

/** Whether a pattern matches the whole text. */
export function matches(pattern: string, text: string, env: Env): boolean {
  if (isAscii(text)) return compilePattern(pattern).matches(text);
  return compilePattern(inLocale(pattern, env)).matches(inLocale(text, env));
}
