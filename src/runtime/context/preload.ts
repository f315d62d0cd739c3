/**
 * What is preloaded: the context (`main.ts`, beside this as `context-main.cjs`), from code that V8 compiled when it was built
 * where that fits this very Node.js. Every start of a program pays for what is compiled.
 */
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const file = `${__dirname}/context-main.cjs`;

function compiled(): Buffer | undefined {
  try {
    return readFileSync(`${__dirname}/context-main.cache`);
  } catch {
    return undefined;
  }
}

const cachedData = compiled();
const script = new vm.Script(`(function (require, __filename, importUrl) {${readFileSync(file, 'utf8')}\n})`, {
  filename: file,
  ...(cachedData === undefined ? {} : { cachedData }),
});
// Threads preload this file too.
(script.runInThisContext() as (...args: unknown[]) => void)(require, __filename, (url: string) => import(url));
