import { testPage } from './page.js';

testPage('docs/cluster.md');
