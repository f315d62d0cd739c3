/** Text quoted so that the shell reads it back as one word (`set`, `export -p`, `trap`, `set -x`). */
export function quoteWord(text: string): string {
  if (text !== '' && /^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  return quoteAlways(text);
}

/** In single quotes whether needed or not, as `export -p` and `set` print. */
export const quoteAlways = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
