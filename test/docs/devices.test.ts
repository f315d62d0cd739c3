import { testPage } from './page.js';

testPage('docs/devices.md');
