/**
 * The `fs` contract. Every case has a directory of its own with the same content (`fixture`). `rows` are one call each, made in
 * all its forms: synchronous, with a callback, as a promise; `blocks` are programs of a few lines.
 */
export const fixture: Readonly<Record<string, string>> = {
  file: 'hello world\n',
  other: 'other\n',
  blank: '',
  'dir/a': 'A',
  'dir/b': 'B\n',
  'dir/sub/c': 'C',
  'dir/sub/deep/d': 'D',
  'link@': 'file',
  'dirlink@': 'dir',
  'dangling@': 'nowhere',
  'loop@': 'loop',
};

/** Name of the function, and its arguments as text. */
export const rows: readonly (readonly [string, string])[] = [
  ['readFile', "'file'"],
  ['readFile', "'file', 'utf8'"],
  ['readFile', "'file', { encoding: 'base64' }"],
  ['readFile', "'file', { flag: 'r+' }"],
  ['readFile', "Buffer.from('file'), 'latin1'"],
  ['readFile', "pathToFileURL('file'), 'utf8'"],
  ['readFile', "'link', 'hex'"],
  ['readFile', "'blank'"],
  ['readFile', "'missing'"],
  ['readFile', "'missing/below'"],
  ['readFile', "'file/below'"],
  ['readFile', "'dir'"],
  ['readFile', "'dangling'"],
  ['readFile', "'loop'"],
  ['readFile', "'created', { flag: 'a+', encoding: 'utf8' }"],
  ['readFile', "''"],
  ['readFile', "'a\\0b'"],
  ['readFile', 'undefined'],
  ['readFile', "'file', 'nonsense'"],
  ['readFile', "'file', { flag: 'zz' }"],
  ['readFile', "'/dev/null', 'utf8'"],
  ['writeFile', "'new', 'content'"],
  ['writeFile', "'file', 'shorter'"],
  ['writeFile', "'file', 'x', { flag: 'a' }"],
  ['writeFile', "'file', 'x', { flag: 'wx' }"],
  ['writeFile', "'file', 'HE', { flag: 'r+' }"],
  ['writeFile', "'new', '00ff', 'hex'"],
  ['writeFile', "'new', Buffer.from([0, 255, 10])"],
  ['writeFile', "'new', new Uint16Array([1, 2])"],
  ['writeFile', "'new', 'x', { mode: 0o600 }"],
  ['writeFile', "'new', 'x', { mode: 0o777 }"],
  ['writeFile', "'link', 'through'"],
  ['writeFile', "'dangling', 'made'"],
  ['writeFile', "'dir', 'x'"],
  ['writeFile', "'missing/new', 'x'"],
  ['writeFile', "'new', 'x'.repeat(300000)"],
  ['writeFile', "'new', 'x', { flush: true }"],
  ['appendFile', "'file', 'more'"],
  ['appendFile', "'new', Buffer.from('first')"],
  ['appendFile', "'dir', 'x'"],
  ['stat', "'file'"],
  ['stat', "'dir'"],
  ['stat', "'link'"],
  ['stat', "'file', { bigint: true }"],
  ['stat', "'missing'"],
  ['stat', "'dangling'"],
  ['stat', "'loop'"],
  ['stat', "'file/x'"],
  ['stat', "'/dev/null'"],
  ['lstat', "'link'"],
  ['lstat', "'dangling', { bigint: true }"],
  ['lstat', "'missing'"],
  ['statfs', "'.'"],
  ['statfs', "'missing'"],
  ['access', "'file'"],
  ['access', "'file', fs.constants.R_OK | fs.constants.W_OK"],
  ['access', "'file', fs.constants.X_OK"],
  ['access', "'missing', fs.constants.F_OK"],
  ['access', "'dangling'"],
  ['readdir', "'.'"],
  ['readdir', "'dir', { withFileTypes: true }"],
  ['readdir', "'dir', { encoding: 'buffer' }"],
  ['readdir', "'dir', { encoding: 'hex' }"],
  ['readdir', "'missing'"],
  ['readdir', "'file'"],
  ['mkdir', "'made'"],
  ['mkdir', "'made', 0o700"],
  ['mkdir', "'made', { mode: 0o711 }"],
  ['mkdir', "'x/y/z', { recursive: true }"],
  ['mkdir', "'dir/sub', { recursive: true }"],
  ['mkdir', "'dir'"],
  ['mkdir', "'x/y'"],
  ['mkdir', "'file/x'"],
  ['mkdir', "'file/x', { recursive: true }"],
  ['mkdir', "'file', { recursive: true }"],
  ['rmdir', "'dir'"],
  ['rmdir', "'file'"],
  ['rmdir', "'missing'"],
  ['unlink', "'file'"],
  ['unlink', "'link'"],
  ['unlink', "'missing'"],
  ['rm', "'file'"],
  ['rm', "'dir', { recursive: true }"],
  ['rm', "'dirlink', { recursive: true }"],
  ['rm', "'dir'"],
  ['rm', "'missing'"],
  ['rm', "'missing', { force: true }"],
  ['rename', "'file', 'moved'"],
  ['rename', "'file', 'other'"],
  ['rename', "'dir', 'moved'"],
  ['rename', "'dir', 'file'"],
  ['rename', "'file', 'dir'"],
  ['rename', "'missing', 'moved'"],
  ['rename', "'file', 'missing/moved'"],
  ['copyFile', "'file', 'copy'"],
  ['copyFile', "'file', 'other'"],
  ['copyFile', "'file', 'other', fs.constants.COPYFILE_EXCL"],
  ['copyFile', "'missing', 'copy'"],
  ['copyFile', "'file', 'missing/copy'"],
  ['cp', "'file', 'copy'"],
  ['cp', "'dir', 'copy', { recursive: true }"],
  ['cp', "'file', 'new/deep/copy'"],
  ['cp', "'dir', 'copy', { recursive: true, filter: (from) => !from.endsWith('a') }"],
  ['cp', "'file', 'other', { force: false }"],
  ['cp', "'link', 'copy', { verbatimSymlinks: true }"],
  ['cp', "'dirlink', 'copy', { recursive: true, dereference: true }"],
  ['link', "'file', 'hard'"],
  ['link', "'file', 'other'"],
  ['link', "'missing', 'hard'"],
  ['symlink', "'file', 'soft'"],
  ['symlink', "'anything/at/all', 'soft'"],
  ['symlink', "'file', 'other'"],
  ['symlink', "'file', 'missing/soft'"],
  ['readlink', "'link'"],
  ['readlink', "'dangling', 'buffer'"],
  ['readlink', "'file'"],
  ['readlink', "'missing'"],
  ['realpath', "'link'"],
  ['realpath', "'dirlink/sub/../a'"],
  ['realpath', "'missing'"],
  ['realpath', "'dir/missing/x'"],
  ['realpath', "'loop'"],
  ['chmod', "'file', 0o600"],
  ['chmod', "'file', '755'"],
  ['chmod', "'missing', 0o600"],
  ['chown', "'file', process.getuid(), process.getgid()"],
  ['chown', "'missing', 1, 1"],
  ['lchown', "'link', process.getuid(), process.getgid()"],
  ['utimes', "'file', 1000, 2000.5"],
  ['utimes', "'file', new Date(1e6), '3000'"],
  ['utimes', "'missing', 1, 1"],
  ['lutimes', "'link', 1000, 2000"],
  ['truncate', "'file', 5"],
  ['truncate', "'file', 20"],
  ['truncate', "'file'"],
  ['truncate', "'missing'"],
  ['mkdtemp', "'tmp-'"],
  ['mkdtemp', "'missing/tmp-'"],
  ['exists', "'file'"],
  ['exists', "'dangling'"],
  ['exists', "'missing'"],
  ['open', "'missing'"],
  ['open', "'file', 'wx'"],
  ['open', "'missing/x', 'w'"],
  ['open', "'dir', 'w'"],
];

/** Name and program; `fs`, `fsp`, `path`, `stream`, `show`, `attempt` are there. */
export const blocks: Readonly<Record<string, string>> = {
  'positions of a descriptor': `
    const fd = fs.openSync('file', 'r');
    const b = Buffer.alloc(5);
    show(fs.readSync(fd, b), b.toString(), fs.readSync(fd, b, 0, 5, 0), b.toString(), fs.readSync(fd, b, 1, 3), b.toString());
    show(fs.readSync(fd, b, { position: 6, length: 2 }), b.toString(), fs.readSync(fd, b, 0, 5, 100));
    fs.closeSync(fd);`,
  'writes at positions': `
    const fd = fs.openSync('new', 'w+');
    show(fs.writeSync(fd, 'abcdef'), fs.writeSync(fd, Buffer.from('XY'), 0, 2, 1), fs.writeSync(fd, 'Z', 10), fs.writeSync(fd, 'end'));
    show(fs.readFileSync(fd, 'utf8'), fs.readFileSync('new'));
    fs.closeSync(fd);`,
  'append ignores positions': `
    const fd = fs.openSync('file', 'a+');
    fs.writeSync(fd, 'tail', 0);
    const b = Buffer.alloc(5);
    show(fs.readSync(fd, b, 0, 5, 0), b.toString());
    fs.closeSync(fd);
    show(fs.readFileSync('file', 'utf8'));`,
  vectors: `
    const fd = fs.openSync('new', 'w+');
    show(fs.writevSync(fd, [Buffer.from('ab'), Buffer.from('cde')]), fs.writevSync(fd, [Buffer.from('Z')], 1));
    const [x, y] = [Buffer.alloc(2), Buffer.alloc(9)];
    show(fs.readvSync(fd, [x, y], 0), x, y);
    fs.closeSync(fd);`,
  'an unlinked open file': `
    const fd = fs.openSync('file', 'r+');
    fs.unlinkSync('file');
    fs.writeSync(fd, 'HELLO', 0);
    show(fs.existsSync('file'), fs.fstatSync(fd).nlink, fs.readFileSync(fd, 'utf8'));
    fs.closeSync(fd);`,
  'a renamed open file': `
    const fd = fs.openSync('file', 'a');
    fs.renameSync('file', 'moved');
    fs.writeSync(fd, 'more');
    fs.closeSync(fd);
    show(fs.readFileSync('moved', 'utf8'));`,
  'fstat, fchmod, futimes, ftruncate, fsync': `
    const fd = fs.openSync('file', 'r+');
    fs.fchmodSync(fd, 0o640); fs.futimesSync(fd, 100, 200); 
    show(fs.fstatSync(fd).mode.toString(8), fs.fstatSync(fd, { bigint: true }).size, fs.fstatSync(fd).mtimeMs);
    fs.ftruncateSync(fd, 3); fs.fsyncSync(fd); fs.fdatasyncSync(fd); fs.futimesSync(fd, 100, 200);
    fs.closeSync(fd);`,
  'a closed descriptor': `
    const fd = fs.openSync('file', 'r'); fs.closeSync(fd);
    await attempt(() => fs.readSync(fd, Buffer.alloc(1)));
    await attempt(() => fs.closeSync(fd));
    await attempt(() => fs.fstatSync(fd));
    await attempt(() => fs.writeSync(fd, 'x'));`,
  'writing what is open for reading, reading what is open for writing': `
    const fd = fs.openSync('file', 'r'), gd = fs.openSync('other', 'w');
    await attempt(() => fs.writeSync(fd, 'x'));
    await attempt(() => fs.readSync(gd, Buffer.alloc(1)));
    await attempt(() => fs.readFileSync(gd));
    fs.closeSync(fd); fs.closeSync(gd);`,
  'numeric flags': `
    const { O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = fs.constants;
    const fd = fs.openSync('new', O_RDWR | O_CREAT | O_EXCL, 0o600);
    fs.writeSync(fd, 'x'); fs.closeSync(fd);
    await attempt(() => fs.openSync('new', O_RDWR | O_CREAT | O_EXCL));
    fs.closeSync(fs.openSync('file', O_RDWR | O_TRUNC));
    const gd = fs.openSync('other', O_RDWR | O_APPEND); fs.writeSync(gd, 'end'); fs.closeSync(gd);`,
  'text flags': `
    for (const flag of ['r', 'r+', 'rs', 'rs+', 'sr', 'w', 'w+', 'a', 'a+', 'ax', 'wx', 'xw+', 'as', 'q', 'rw'])
      await attempt(() => { const fd = fs.openSync(flag.includes('x') ? 'new' + flag : 'other', flag); fs.closeSync(fd); return flag; });`,
  'the file creation mask': `
    const before = process.umask(0o077);
    fs.writeFileSync('m1', ''); fs.mkdirSync('m2'); fs.closeSync(fs.openSync('m3', 'w', 0o644));
    process.umask(0);
    fs.writeFileSync('m4', ''); fs.mkdirSync('m5'); await fsp.writeFile('m6', '', { mode: 0o606 });
    show(process.umask(before));`,
  'callbacks of read and write': `
    fs.open('file', 'r+', (e, fd) => {});
    await new Promise((resolve) => fs.open('file', 'r+', (error, fd) => {
      const b = Buffer.alloc(4);
      fs.read(fd, b, 0, 4, 0, (e1, n, buffer) => {
        show(e1, n, buffer === b, b.toString());
        fs.read(fd, { position: 6 }, (e2, m, own) => {
          show(e2, m, own.length, own.subarray(0, m).toString());
          fs.write(fd, 'JELLO', 0, 'utf8', (e3, w, text) => {
            show(e3, w, text);
            fs.close(fd, (e4) => { show(e4); resolve(); });
          });
        });
      });
    }));`,
  'promisified read and write': `
    const fd = await util.promisify(fs.open)('file', 'r+');
    const { bytesRead, buffer } = await util.promisify(fs.read)(fd, Buffer.alloc(3), 0, 3, 0);
    show(bytesRead, buffer.toString(), await util.promisify(fs.write)(fd, 'abc'));
    await util.promisify(fs.close)(fd);
    show(await util.promisify(fs.exists)('file'), await util.promisify(fs.exists)('nope'));`,
  'a FileHandle': `
    const h = await fsp.open('new', 'w+', 0o640);
    show(typeof h.fd, await h.write('one two'), (await h.stat()).size);
    show(await h.read(Buffer.alloc(3), 0, 3, 0), await h.readFile('utf8'));
    await h.truncate(3); await h.appendFile(' three'); await h.chmod(0o600); await h.sync(); await h.datasync();
    show((await h.writev([Buffer.from('v1'), Buffer.from('v2')])).bytesWritten, (await h.readv([Buffer.alloc(2)], 0)).bytesRead);
    await h.utimes(1, 2);
    await h.close(); show(h.fd);
    await attempt(() => h.read(Buffer.alloc(1)));`,
  'streams of a FileHandle': `
    const h = await fsp.open('dir/b', 'r');
    let text = ''; for await (const part of h.createReadStream({ encoding: 'utf8' })) text += part;
    show(text, h.fd);
    const w = await fsp.open('new', 'w');
    const s = w.createWriteStream(); s.write('abc'); s.end('def'); await new Promise((r) => s.on('close', r));
    show(fs.readFileSync('new', 'utf8'));`,
  readLines: `
    fs.writeFileSync('lines', 'one\\ntwo\\r\\nthree');
    const h = await fsp.open('lines'); for await (const line of h.readLines()) show(line);`,
  readableWebStream: `
    const h = await fsp.open('file'); let text = '';
    for await (const part of h.readableWebStream()) text += Buffer.from(part).toString();
    show(text); await h.close();`,
  'a file handle where a path may be': `
    const h = await fsp.open('file', 'r+');
    show(await fsp.readFile(h, 'utf8')); await fsp.writeFile(h, '!'); await fsp.appendFile(h, '?'); await h.close();`,
  'a read stream': `
    for (const options of [undefined, 'utf8', { start: 2 }, { start: 2, end: 6 }, { highWaterMark: 4 }, { encoding: 'hex', end: 3 }]) {
      const parts = []; for await (const part of fs.createReadStream('file', options)) parts.push(part);
      show(parts);
    }`,
  'events of a read stream': `
    const s = fs.createReadStream('file'); const seen = [];
    for (const name of ['open', 'ready', 'data', 'end', 'close']) s.on(name, () => seen.push(name));
    await new Promise((r) => s.on('close', r)); show(seen, s.bytesRead, s.path, s.constructor.name, s instanceof fs.ReadStream);`,
  'a read stream of nothing': `
    await attempt(async () => { for await (const part of fs.createReadStream('missing')) show(part); });
    await attempt(async () => { for await (const part of fs.createReadStream('dir')) show(part); });`,
  'a write stream': `
    const s = fs.createWriteStream('new'); s.write('a'); s.write(Buffer.from('b')); s.end('c');
    await new Promise((r) => s.on('finish', r)); show(s.bytesWritten, s.path);
    for (const options of [{ flags: 'a' }, { flags: 'r+', start: 2 }]) {
      const t = fs.createWriteStream('file', options); t.end('XX'); await new Promise((r) => t.on('close', r)); show(fs.readFileSync('file', 'utf8'));
    }`,
  'a write stream to nowhere': `
    await attempt(() => new Promise((resolve, reject) => { const s = fs.createWriteStream('missing/x'); s.on('error', reject); s.end('x'); }));`,
  'a pipeline of streams': `
    fs.writeFileSync('big', Buffer.alloc(700000, 'abcdefg'));
    await stream.pipeline(fs.createReadStream('big'), zlib.createGzip(), fs.createWriteStream('big.gz'));
    show(zlib.gunzipSync(fs.readFileSync('big.gz')).equals(fs.readFileSync('big'))); fs.rmSync('big.gz');`,
  'many writes in order': `
    const s = fs.createWriteStream('new'); for (let i = 0; i < 500; i++) s.write(i + '\\n'); s.end();
    await new Promise((r) => s.on('close', r));`,
  'a megabyte, whole and in parts': `
    const data = Buffer.alloc(1 << 20); for (let i = 0; i < data.length; i++) data[i] = (i * 7) >> 3;
    fs.writeFileSync('big', data); show(fs.readFileSync('big').equals(data), (await fsp.readFile('big')).equals(data));
    const fd = fs.openSync('big'); const b = Buffer.alloc(1 << 20); show(fs.readSync(fd, b), b.equals(data)); fs.closeSync(fd);
    await fsp.writeFile('big2', data); show(fs.statSync('big2').size);`,
  'large files side by side': `
    const crypto = require('crypto'), part = (i) => Buffer.alloc(65536, 'abc' + i); const sum = (name) => crypto.createHash('sha256').update(fs.readFileSync(name)).digest('hex').slice(0, 12);
    const a = fs.openSync('a', 'w'), b = fs.openSync('b', 'w+'), c = fs.createWriteStream('c'); const ended = new Promise((r) => c.on('close', r));
    for (let i = 0; i < 24; i++) { fs.writeSync(a, part(i)); c.write(part(i)); }
    for (let i = 0; i < 30; i++) { fs.writeSync(a, part(i)); fs.writeSync(b, part(i + 1)); c.write(part(i)); if (i === 20) { show(fs.statSync('a').size, fs.fstatSync(b).size, sum('b')); fs.writeSync(b, 'X', 5); } }
    c.end(); show(sum('a'), sum('b')); const again = Buffer.alloc(10); show(fs.readSync(b, again, 0, 10, 0), String(again)); fs.writeSync(a, 'end'); fs.ftruncateSync(b, 100000); fs.writeSync(b, part(3)); fs.writeSync(a, part(4));
    fs.closeSync(a); fs.closeSync(b); await ended; show(sum('a'), sum('b'), sum('c'));
    const d = fs.openSync('a', 'r+'), big = Buffer.alloc(300000); for (let i = 0; i < 5; i++) fs.readSync(d, big); fs.writeSync(d, 'HERE'); show(fs.readSync(d, big), String(big.subarray(0, 4))); fs.closeSync(d); show(sum('a'));
    const e = fs.openSync('a', 'r'); const at = []; for (let i = 0; i < 8; i++) at.push(new Promise((r) => fs.read(e, Buffer.alloc(200000), 0, 200000, null, (x, n, buffer) => r(crypto.createHash('md5').update(buffer.subarray(0, n)).digest('hex').slice(0, 8))))); show((await Promise.all(at)).sort(), fs.readSync(e, big)); fs.closeSync(e);
    for (const name of ['a', 'b', 'c']) fs.unlinkSync(name);`,
  'large files in sequence': `
    const part = (i) => Buffer.alloc(65536, String.fromCharCode(97 + (i % 26)));
    const fd = fs.openSync('large', 'w+'); for (let i = 0; i < 48; i++) { fs.writeSync(fd, part(i)); if (i === 30) show(fs.statSync('large').size, fs.fstatSync(fd).size); }
    fs.fsyncSync(fd); const sum = crypto.createHash('sha256').update(fs.readFileSync('large')).digest('hex'); show(sum);
    const gd = fs.openSync('large', 'r'); const b = Buffer.alloc(65536); const h = crypto.createHash('sha256');
    for (let i = 0; ; i++) { const n = fs.readSync(gd, b); if (n === 0) break; h.update(b.subarray(0, n)); if (i === 20) { fs.writeSync(fd, 'CHANGED', 40 * 65536); fs.writeSync(fd, 'AGAIN', 21 * 65536); } }
    show(h.digest('hex'), fs.readSync(gd, b)); fs.writeSync(fd, 'tail'); show(fs.readSync(gd, b), b.subarray(0, 4).toString());
    fs.closeSync(fd); fs.closeSync(gd);
    await stream.pipeline(fs.createReadStream('large'), fs.createWriteStream('copy')); show(fs.readFileSync('copy').equals(fs.readFileSync('large')));
    await stream.pipeline(fs.createReadStream('large', { start: 1000000, end: 2999999 }), fs.createWriteStream('copy', { flags: 'r+', start: 5 })); show(fs.statSync('copy').size);
    const w = fs.openSync('cut', 'w'); for (let i = 0; i < 20; i++) fs.writeSync(w, part(i)); fs.ftruncateSync(w, 700000); fs.writeSync(w, 'end'); fs.closeSync(w); show(fs.statSync('cut').size);`,
  'writeFile from something in parts': `
    await fsp.writeFile('new', (function* () { yield 'one '; yield 'two '; })());
    await fsp.writeFile('new2', stream.Readable.from(['three ', 'four']));
    await fsp.appendFile('new', 'end'); show(fs.readFileSync('new', 'utf8'), fs.readFileSync('new2', 'utf8'));`,
  'aborted calls': `
    await attempt(() => fsp.readFile('file', { signal: AbortSignal.abort() }));
    await attempt(() => fsp.writeFile('new', 'x', { signal: AbortSignal.abort() }));
    show(await new Promise((r) => fs.readFile('file', { signal: AbortSignal.abort() }, (e) => r(e.name + e.code + e.message))));`,
  opendir: `
    const d = await fsp.opendir('dir'); show(d.path, d.constructor.name); const names = [];
    for await (const e of d) names.push(e.name + e.isDirectory()); show(names.sort());
    const s = fs.opendirSync('dir'); const more = []; for (let e = s.readSync(); e; e = s.readSync()) more.push(e.name); s.closeSync();
    show(more.sort()); await attempt(() => s.readSync()); await attempt(() => fsp.opendir('missing'));
    const c = await new Promise((r) => fs.opendir('dir', (e, dir) => r(dir))); show((await c.read()) !== null); await c.close();
    await new Promise((r) => fs.opendirSync('dir').close(r));`,
  'readdir, recursive': `
    show(fs.readdirSync('dir', { recursive: true }).sort(), (await fsp.readdir('dir', { recursive: true })).sort());
    show(fs.readdirSync('.', { recursive: true, withFileTypes: true }).map((e) => path.join(e.parentPath ?? e.path, e.name)).sort());`,
  Dirent: `
    const e = fs.readdirSync('.', { withFileTypes: true }).map((x) => [x.name, x.isFile(), x.isDirectory(), x.isSymbolicLink(), x.isFIFO(), x.constructor.name]);
    show(e.sort());`,
  'stat of every kind': `
    for (const name of ['file', 'dir', 'link', 'dangling']) { const s = fs.lstatSync(name);
      show(name, s.isFile(), s.isDirectory(), s.isSymbolicLink(), s.isSocket(), s.isBlockDevice(), s.isCharacterDevice(), s.isFIFO(), s.mtime instanceof Date, Object.keys(s).join()); }
    const b = fs.statSync('file', { bigint: true }); show(typeof b.mtimeNs, b.mtimeMs === b.mtimeNs / 1000000n, Object.keys(b).join());
    show(fs.statSync('missing', { throwIfNoEntry: false }), fs.lstatSync('missing', { throwIfNoEntry: false }));`,
  'times to the nanosecond, and dates': `
    fs.utimesSync('file', 1.25, 3.5); const s = fs.statSync('file'); show(s.atimeMs, s.mtimeMs, s.atime, s.mtime.toISOString(), fs.statSync('file', { bigint: true }).mtimeNs);`,
  'same inode': `
    fs.linkSync('file', 'hard'); show(fs.statSync('hard').ino === fs.statSync('file').ino, fs.statSync('hard').nlink, fs.statSync('file').dev === fs.statSync('dir').dev);
    fs.writeFileSync('hard', 'changed'); show(fs.readFileSync('file', 'utf8'));`,
  'deep trees': `
    fs.mkdirSync('p/q/r/s', { recursive: true }); fs.writeFileSync('p/q/r/s/t', 'x'); fs.cpSync('p', 'p2', { recursive: true });
    fs.renameSync('p/q', 'q'); fs.rmSync('p', { recursive: true }); await fsp.rm('q', { recursive: true, force: true });`,
  'cp that is refused': `
    await attempt(() => fsp.cp('dir', 'copy'));
    await attempt(() => fsp.cp('dir', 'file', { recursive: true }));
    await attempt(() => fsp.cp('file', 'dir'));
    await attempt(() => fsp.cp('file', 'other', { errorOnExist: true, force: false }));
    await attempt(() => fsp.cp('dir', 'dir/sub/x', { recursive: true }));
    await attempt(() => fsp.cp('missing', 'x'));`,
  'cp with what stays': `
    fs.utimesSync('file', 1000, 2000); await fsp.cp('file', 'copy', { preserveTimestamps: true }); show(fs.statSync('copy').mtimeMs);
    fs.chmodSync('other', 0o751); await fsp.cp('other', 'copy2'); show(fs.statSync('copy2').mode.toString(8));
    await fsp.cp('dir', 'copy3', { recursive: true, filter: async (from) => !from.endsWith('sub') });`,
  'names of every kind': `
    for (const name of ['with space', 'ünïcödé', '日本', 'a"b', "a'b", 'a\\\\b', 'new\\nline', '-dash', '#hash', '%25', '*', '~']) { fs.writeFileSync(name, name); show(fs.readFileSync(name, 'utf8') === name); }
    show(fs.readdirSync('.').length);`,
  'a name that is no text': `
    const raw = Buffer.from([0x66, 0xff, 0x67]); fs.writeFileSync(raw, 'raw');
    show(fs.readdirSync('.', 'buffer').some((b) => b.equals(raw)), fs.readFileSync(raw, 'utf8'), fs.readdirSync('.').some((n) => n.includes('\\ufffd')));
    fs.unlinkSync(raw);`,
  'paths with dots': `
    show(fs.readFileSync('./dir/../file', 'utf8'), fs.readFileSync('dir//a', 'utf8'), fs.readFileSync(path.resolve('dir/sub/../a'), 'utf8'));
    await attempt(() => fs.readFileSync('file/../file'));
    fs.mkdirSync('./n1/'); fs.mkdirSync('n2/../n3', { recursive: true });`,
  'chdir and cwd': `
    const before = process.cwd(); process.chdir('dir'); show(path.basename(process.cwd()), fs.readFileSync('a', 'utf8'));
    process.chdir('sub/deep'); fs.writeFileSync('made', 'x'); process.chdir('../../..'); show(process.cwd() === before);
    await attempt(() => process.chdir('file')); await attempt(() => { try { process.chdir('missing'); } catch (e) { e.message = e.message.replace(before, '.'); e.path = '.'; throw e; } });`,
  watch: `
    const seen = []; const w = fs.watch('dir', (event, name) => seen.push(event + name));
    await new Promise((r) => { w.on('change', (event, name) => { if (name === 'watched') r(); }); setTimeout(() => fs.writeFileSync('dir/watched', 'x'), 300); });
    w.close(); show(seen.includes('renamewatched'), seen.every((s) => s.endsWith('watched')));`,
  'watch as an iterator': `
    const ac = new AbortController(); setTimeout(() => fs.writeFileSync('dir/w2', 'x'), 300);
    await attempt(async () => { for await (const { eventType, filename } of fsp.watch('dir', { signal: ac.signal })) if (filename === 'w2') { show(eventType, filename); ac.abort(); } });`,
  'watch of what is not there': "await attempt(() => fs.watch('missing'));",
  watchFile: `
    const [now, before] = await new Promise((resolve) => { fs.watchFile('file', { interval: 20 }, (a, b) => resolve([a, b])); setTimeout(() => fs.appendFileSync('file', 'more'), 300); });
    fs.unwatchFile('file'); show(now.size, before.size, now instanceof fs.Stats);`,
  'arguments that are none': `
    await attempt(() => fs.readFileSync({})); await attempt(() => fs.readFile('file')); await attempt(() => fs.writeFileSync('new', {}));
    await attempt(() => fs.statSync(null)); await attempt(() => fsp.readFile(['file'])); await attempt(() => fs.chmodSync('file', 'abc'));
    await attempt(() => fs.openSync('file', 'r', 'x9')); await attempt(() => fs.readSync('x', Buffer.alloc(1))); await attempt(() => fs.mkdirSync('n', 'rwx'));
    await attempt(() => fs.renameSync('file')); await attempt(() => fs.symlinkSync('file')); await attempt(() => fs.readSync(0, Buffer.alloc(1), 5)); `,
  'an error as it is printed': `
    for (const f of [() => fs.readFileSync('missing'), () => fs.renameSync('missing', 'x'), () => fsp.stat('missing')])
      try { await f(); } catch (e) { show(util.inspect({ ...e }), e instanceof Error, e.constructor.name, Object.keys(e).join(), String(e), e.stack.split('\\n')[0]); }`,
  'realpath.native': `
    show(path.basename(fs.realpathSync.native('link')), path.basename(await new Promise((r) => fs.realpath.native('dirlink', (e, p) => r(p)))));
    await attempt(() => { try { fs.realpathSync.native('missing'); } catch (e) { throw e; } });`,
  'what modules share': `
    show(require('fs') === require('node:fs'), fs.promises === require('fs/promises'), process.getBuiltinModule?.('fs') === fs, (await import('fs')).default === fs, (await import('node:fs')).readFileSync === fs.readFileSync, (await import('fs/promises')).readFile === fsp.readFile);`,
  'constants and classes': `
    show(fs.constants.O_RDONLY, fs.constants.R_OK, typeof fs.Stats, typeof fs.Dirent, typeof fs.ReadStream, typeof fs.FileReadStream, fsp.constants === fs.constants, fs.readFileSync.name, fs.readFile.length);`,
  'concurrent calls': `
    await Promise.all(Array.from({ length: 60 }, (_, i) => fsp.writeFile('n' + i, String(i))));
    show((await Promise.all(Array.from({ length: 60 }, (_, i) => fsp.readFile('n' + i, 'utf8')))).join());
    await Promise.all(Array.from({ length: 60 }, (_, i) => fsp.unlink('n' + i)));`,
  'concurrent appends are all there': `
    await Promise.all(Array.from({ length: 40 }, (_, i) => fsp.appendFile('log', String.fromCharCode(65 + (i % 26)))));
    show(fs.readFileSync('log', 'utf8').length); fs.writeFileSync('log', '');`,
  'symbolic links followed and not': `
    fs.writeFileSync('link', 'via link'); show(fs.readFileSync('file', 'utf8'), fs.lstatSync('link').isSymbolicLink());
    fs.renameSync('link', 'link2'); show(fs.readlinkSync('link2')); fs.unlinkSync('link2'); show(fs.existsSync('file'));
    show(fs.readdirSync('dirlink').sort()); fs.symlinkSync('../file', 'dir/up'); show(fs.readFileSync('dir/up', 'utf8'));`,
  'temporary directories': `
    const a = fs.mkdtempSync('t-'), b = await fsp.mkdtemp(path.resolve('t-')); show(/^t-.{6}$/.test(a), /\\/t-.{6}$/.test(b), fs.statSync(a).mode.toString(8));
    fs.rmdirSync(a); fs.rmdirSync(b);`,
  'asynchronous order': `
    const order = []; const p = fsp.readFile('file').then(() => order.push('read')); order.push('after call'); process.nextTick(() => order.push('tick')); await p; show(order);`,
  'an exception in a callback is uncaught': `
    await new Promise((resolve) => { process.once('uncaughtException', (e) => { show('uncaught', e.message); resolve(); }); fs.readFile('file', () => { throw new Error('mine'); }); });`,
};
