/**
 * Every example of the documentation, run as a reader would type it. In a ```console block a line that begins with `$ ` is a
 * command (`> ` goes on with it), the lines below it are its output; a line `…` stands for any number of lines, and `…` within
 * a line for any text. The blocks of one page share a directory, which holds a copy of `examples/`.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cleanEnvironment, root, run } from '../support/system.js';

interface Example {
  readonly line: number;
  readonly command: string;
  readonly output: string;
}

/** The examples of a page, in order. */
function examplesOf(text: string): Example[] {
  const found: { line: number; command: string; output: string }[] = [];
  let inside = false;
  text.split('\n').forEach((line, i) => {
    if (/^```/.test(line)) {
      inside = line === '```console';
      return;
    }
    if (!inside) return;
    const last = found.at(-1);
    if (line.startsWith('$ ')) found.push({ line: i + 1, command: line.slice(2), output: '' });
    else if (line.startsWith('> ') && last?.output === '') last.command += `\n${line.slice(2)}`;
    else if (last !== undefined) last.output += `${line}\n`;
  });
  return found;
}

/** The output, as a pattern. */
function patternOf(output: string): RegExp {
  const lines = output.split('\n').slice(0, -1);
  const text = lines.map((line) =>
    line.trim() === '…' ? '(?:.*\n)*' : `${line.split('…').map(escapePattern).join('.*')}\n`,
  );
  return new RegExp(`^${text.join('')}$`);
}
const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Pages with examples. Each has a test file of its own here, named after it. */
export const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)].filter(
  (page) => page.endsWith('.md') && examplesOf(readFileSync(path.join(root, page), 'utf8')).length > 0,
);

/** Runs the examples of a page. */
export function testPage(page: string): void {
  const test = suite(page);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-docs-'));
  cpSync(path.join(root, 'examples'), path.join(dir, 'examples'), { recursive: true });
  test.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const { line, command, output } of examplesOf(readFileSync(path.join(root, page), 'utf8'))) {
    test(`line ${line}: ${command}`, async () => {
      const got = await run(['/bin/sh', '-c', command], { cwd: dir, env: cleanEnvironment(dir) });
      const said = got.stdout + got.stderr;
      assert.ok(patternOf(output).test(said), `expected:\n${output}\ngot:\n${said}`);
    });
  }
  test.run();
}
