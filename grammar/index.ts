/** The public face of the grammar: text -> tokens -> AST, and back. */
export { parseArithmetic } from './arithmetic.js';
export * from './ast.js';
export { serializedGrammar } from './parser.js';
export { printCommand, printProgram, printWord } from './printer.js';
export { type Aliases, createReader, type ParseOptions, parse, parseText, type Reader, scan } from './reader.js';
export { isName } from './source.js';
