/** Popular programs and libraries from npm, as they are used: a program of the package, or a few lines that use it. */
export interface PackageCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** A program below node_modules, or one of `files`. */
  readonly program: string;
  readonly argv?: readonly string[];
  readonly stdin?: string;
}

const less = '@c: #336; .a { .b { color: darken(@c, 10%); width: (2px * 3) } }';
const messy = 'const  x={a:1,b:[1,2,3]};function f( y ){return y+x.a}\nconsole . log(f(2))';

export const packages: readonly PackageCase[] = [
  {
    name: 'prettier writes',
    program: 'node_modules/prettier/bin/prettier.cjs',
    argv: ['--write', '--log-level', 'silent', 'a.js', 'b.json'],
    files: { 'a.js': messy, 'b.json': '{"a":1,\n"b":[1,2]}' },
  },
  {
    name: 'terser',
    program: 'node_modules/terser/bin/terser',
    argv: ['a.js', '--compress', '--mangle', '--toplevel', '-o', 'out.js'],
    files: { 'a.js': messy },
  },
  {
    name: 'uglify-js',
    program: 'node_modules/uglify-js/bin/uglifyjs',
    argv: ['-b', '--', 'a.js'],
    files: { 'a.js': messy },
  },
  {
    name: 'lessc',
    program: 'node_modules/less/bin/lessc',
    argv: ['a.less', 'css/out.css'],
    files: { 'a.less': `@import 'b'; ${less}`, 'b.less': '.imported { margin: 1px }' },
  },
  {
    name: 'handlebars compiles',
    program: 'node_modules/handlebars/bin/handlebars',
    argv: ['t.hbs', '-f', 'out.js'],
    files: { 't.hbs': '<p>{{#each xs}}{{this}}{{/each}}</p>' },
  },
  {
    name: 'ejs',
    program: 'node_modules/ejs/bin/cli.js',
    argv: ['t.ejs', '-f', 'd.json'],
    files: {
      't.ejs': '<% for (const x of xs) { %><%= x %>,<% } %><%- include("part") %>',
      'part.ejs': 'part',
      'd.json': '{"xs":[1,"<b>"]}',
    },
  },
  {
    name: 'mustache',
    program: 'node_modules/mustache/bin/mustache',
    argv: ['d.json', 't.mustache'],
    files: { 'd.json': '{"n":"N","l":[{"x":1},{"x":2}]}', 't.mustache': '{{n}}: {{#l}}[{{x}}]{{/l}}' },
  },
  {
    name: 'marked',
    program: 'node_modules/marked/bin/marked.js',
    argv: ['-i', 'r.md', '-o', 'r.html'],
    files: { 'r.md': '# Title\n\n* a\n* *b*\n\n`code` [l](u)\n' },
  },
  {
    name: 'js-yaml',
    program: 'node_modules/js-yaml/bin/js-yaml.mjs',
    argv: ['a.yaml'],
    files: { 'a.yaml': 'a: 1\nb:\n  - x\n  - {y: 2}\n' },
  },
  {
    name: 'semver',
    program: 'node_modules/semver/bin/semver.js',
    argv: ['-r', '>=1.2 <3', '1.1.0', '1.2.3', '2.0.0-rc.1', '2.9.9', '3.0.0'],
    files: {},
  },
  {
    name: 'typescript compiles a project',
    program: 'node_modules/typescript/bin/tsc',
    argv: ['-p', '.'],
    files: {
      'tsconfig.json':
        '{"compilerOptions":{"outDir":"out","target":"ES2022","module":"commonjs","strict":true,"lib":["ES2022"],"types":[]},"include":["src"]}',
      'src/a.ts': "import { f } from './b';\nexport const n: number = f('x');",
      'src/b.ts': 'export function f(s: string): number { return s.length; }\nexport const bad: string = 5;',
    },
  },
  {
    name: 'rimraf',
    program: 'node_modules/rimraf/dist/esm/bin.mjs',
    argv: ['gone', 'also'],
    files: { 'gone/a/b/c': 'x', 'gone/d': 'y', also: 'z', stays: 's' },
  },
  {
    name: 'csv-parse',
    program: 'm.mjs',
    files: {
      'm.mjs':
        "import { parse } from 'csv-parse'; import fs from 'fs'; const rows = []; for await (const r of fs.createReadStream('a.csv').pipe(parse({ columns: true }))) rows.push(r); console.log(rows)",
      'a.csv': 'a,b\n1,"two, three"\n4,"five\nsix"\n',
    },
  },
  {
    name: 'tar packs and unpacks',
    program: 'm.mjs',
    files: {
      'm.mjs':
        "import * as tar from 'tar'; import fs from 'fs'; await tar.create({ gzip: true, file: 'a.tgz', portable: true, mtime: new Date(1e9) }, ['in']); fs.mkdirSync('out'); await tar.extract({ file: 'a.tgz', cwd: 'out' }); const names = []; await tar.list({ file: 'a.tgz', onReadEntry: (e) => names.push(e.path + e.size) }); console.log(names.sort()); fs.rmSync('a.tgz')",
      'in/a': 'A',
      'in/sub/b': 'BB',
      'in/l@': 'a',
    },
  },
  {
    name: 'jszip',
    program: 'm.js',
    files: {
      'm.js':
        "const JSZip = require('jszip'), fs = require('fs'); (async () => { const z = new JSZip(); z.file('a.txt', fs.readFileSync('a.txt')); z.folder('d').file('b', 'B'); await new Promise((r) => z.generateNodeStream({ streamFiles: true }).pipe(fs.createWriteStream('o.zip')).on('finish', r)); const back = await JSZip.loadAsync(fs.readFileSync('o.zip')); console.log(Object.keys(back.files), await back.file('a.txt').async('string')); fs.unlinkSync('o.zip') })()",
      'a.txt': 'text in a file',
    },
  },
  {
    name: 'nedb, a database',
    program: 'm.js',
    files: {
      'm.js':
        "const D = require('@seald-io/nedb'); (async () => { const db = new D({ filename: 'data/x.db', autoload: true }); await db.insertAsync([{ _id: '1', n: 1 }, { _id: '2', n: 2 }, { _id: '3', n: 3 }]); await db.updateAsync({ n: 2 }, { $set: { n: 20 } }); await db.removeAsync({ n: 1 }); await db.compactDatafileAsync(); const again = new D({ filename: 'data/x.db', autoload: true }); console.log(await again.findAsync({}).sort({ n: 1 })) })()",
    },
  },
  {
    name: 'lowdb',
    program: 'm.mjs',
    files: {
      'm.mjs':
        "import { JSONFilePreset } from 'lowdb/node'; const db = await JSONFilePreset('db.json', { posts: [] }); await db.update(({ posts }) => posts.push('hello')); await db.read(); console.log(db.data)",
    },
  },
  {
    name: 'serve-handler, a static server',
    program: 'm.js',
    files: {
      'm.js':
        "const handler = require('serve-handler'), http = require('http'); const s = http.createServer((q, r) => handler(q, r, { public: 'pub' })); s.listen(0, '127.0.0.1', async () => { const at = 'http://127.0.0.1:' + s.address().port; for (const p of ['/', '/a.txt', '/none']) { const r = await fetch(at + p); const t = await r.text(); console.log(r.status, r.headers.get('content-type'), t.length < 100 ? t : 'long') } s.close(); s.closeAllConnections() })",
      'pub/index.html': '<h1>hi</h1>',
      'pub/a.txt': 'static',
    },
  },
  {
    name: 'glob',
    program: 'm.mjs',
    files: {
      'm.mjs':
        "import { glob, globSync } from 'glob'; console.log((await glob('src/**/*.{js,ts}')).sort(), globSync('src/*', { withFileTypes: true }).map((p) => p.name + p.isDirectory()).sort())",
      'src/a.js': '',
      'src/b/c.ts': '',
      'src/b/d.txt': '',
      'src/.hidden.js': '',
    },
  },
  {
    name: 'fs-extra',
    program: 'm.js',
    files: {
      'm.js':
        "const fse = require('fs-extra'); (async () => { await fse.outputJson('d/e/f.json', { a: 1 }); await fse.copy('src', 'dst'); await fse.move('dst/a', 'moved/a'); await fse.ensureSymlink('moved/a', 'l'); await fse.emptyDir('src'); console.log(await fse.readJson('d/e/f.json'), await fse.pathExists('dst/a'), fse.readdirSync('dst')); await fse.remove('d') })()",
      'src/a': 'A',
      'src/b/c': 'C',
    },
  },
  {
    name: 'commander',
    program: 'm.js',
    argv: ['build', '--level', '3', 'x', 'y'],
    files: {
      'm.js':
        "const { program } = require('commander'); program.command('build <names...>').option('--level <n>', 'level', Number).action((names, o) => console.log(names, o)); program.parse()",
    },
  },
  {
    name: 'chokidar watches',
    program: 'm.mjs',
    files: {
      'm.mjs':
        "import chokidar from 'chokidar'; import fs from 'fs'; const w = chokidar.watch('dir', { usePolling: false }); const seen = []; w.on('all', (e, p) => { seen.push(e + ' ' + p); if (e === 'add' && p.endsWith('new')) { console.log(seen.sort()); process.exit(0) } }); w.on('ready', () => fs.writeFileSync('dir/new', 'x'))",
      'dir/a': 'x',
    },
  },
];
