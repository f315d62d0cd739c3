import { testPage } from './page.js';

testPage('docs/security.md');
