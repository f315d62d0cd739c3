import { testPage } from './page.js';

testPage('docs/namespace.md');
