import { suite } from 'uvu';
import { compare, hasDash } from './differential.js';

const test = suite('random scripts');
if (!hasDash) console.log('skipped: dash is not installed');
(hasDash ? test : test.skip)('do on onesh as on dash', () => compare(100, 20241001));
test.run();
