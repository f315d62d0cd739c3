import { tlsIdentity } from '../../../src/bus/certificate.js';
import { generateKeys } from '../../../src/bus/identity.js';

const { key, cert } = tlsIdentity(generateKeys(), 'test');

/** The Python contract: blocks of a program, each run in a directory of its own with the same content. `show` prints. */
export const pythonFixture: Readonly<Record<string, string>> = {
  file: 'hello world\nsecond line\n',
  blank: '',
  'dir/a': 'A',
  'dir/b': 'B\n',
  'dir/sub/c': 'C',
  'link@': 'file',
  'dirlink@': 'dir',
  'dangling@': 'nowhere',
  'loop@': 'loop',
  'mod/__init__.py': 'from . import inner\nname = __name__\n',
  'mod/inner.py': 'value = 42\n',
  'single.py': 'import os\nhere = os.path.basename(__file__)\n',
  'cert.pem': String(cert),
  'key.pem': String(key),
  'both.pem': `${cert}${key}`,
  'rows.csv': 'a,b\n1,"x, y"\n2,z\n',
  'data.json': '{"k": [1, 2.5, null, true], "ü": "é"}',
};

/** One expression each: its value or its error is shown. */
export const expressions: readonly string[] = [
  "open('file').read()",
  "open('file', 'rb').read()",
  "open(b'file').read(5)",
  "open(pathlib.Path('file')).readlines()",
  "open('missing')",
  "open('missing/below')",
  "open('file/below')",
  "open('dir')",
  "open('dangling')",
  "open('loop')",
  "open('')",
  "open('a\\0b')",
  "open('file', 'zz')",
  "open('file', 'rb', encoding='utf-8')",
  "open('file', 'r', 0)",
  "open('file', 'x')",
  "open('file', 'rb', 0).read(3)",
  "open('/dev/null').read()",
  "repr(open('file'))",
  "repr(open('file', 'rb'))",
  "repr(open('file', 'rb', 0))",
  "open('file', 'r+').mode, open('file', 'rb').mode, open('file', 'rb', 0).mode, open('new', 'wb').raw.mode",
  "open('file').name, open('file', 'rb').raw.name",
  "open('file').fileno() == open('file').fileno()",
  "open('file').isatty()",
  "open('file', 'w').read()",
  "open('file').write('x')",
  "open('file', 'rb').peek(3)[:3]",
  "open('data.json', encoding='utf-8').read()",
  "open('data.json', encoding='ascii').read()",
  "open('data.json', encoding='ascii', errors='replace').read()",
  "list(open('file'))",
  "io.FileIO('file').readall()",
  "io.FileIO('missing')",
  "isinstance(open('file', 'rb').raw, io.FileIO)",
  "io.open('file').readline()",
  "io.open_code('single.py').read()",
  "st(os.stat('file'))",
  "st(os.stat('dir'))",
  "st(os.stat('link'))",
  "st(os.lstat('link'))",
  "os.stat('missing')",
  "os.stat(b'missing')",
  "os.stat(pathlib.Path('missing'))",
  "os.stat('dangling')",
  "os.stat('loop')",
  "os.stat('file/x')",
  "stat.S_ISCHR(os.stat('/dev/null').st_mode)",
  "type(os.stat('file')).__name__, len(os.stat('file'))",
  'sorted(os.listdir())',
  "sorted(os.listdir('dir'))",
  "sorted(os.listdir(b'dir'))",
  "os.listdir('missing')",
  "os.listdir('file')",
  "sorted((e.name, e.path, e.is_dir(), e.is_file(), e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in os.scandir('.') if e.name != 'loop')",
  "sorted(repr(e) for e in os.scandir('dir'))",
  "sorted(os.fspath(e) for e in os.scandir(b'dir'))",
  "os.scandir('missing')",
  "[(r, sorted(d), sorted(f)) for r, d, f in sorted(os.walk('dir'))]",
  "sorted(r for r, d, f in os.walk('.', topdown=False))",
  "os.mkdir('made'), oct(os.stat('made').st_mode)",
  "os.mkdir('made', 0o700), oct(os.stat('made').st_mode)",
  "os.mkdir('dir')",
  "os.mkdir('x/y')",
  "os.makedirs('x/y/z'), os.makedirs('x/y', exist_ok=True)",
  "os.makedirs('x/../dir')",
  "os.rmdir('dir')",
  "os.rmdir('missing')",
  "os.removedirs('dir/sub')",
  "os.remove('file'), os.path.exists('file')",
  "os.unlink('link'), os.path.exists('file')",
  "os.remove('missing')",
  "os.remove('dir')",
  "os.rename('file', 'moved')",
  "os.rename('missing', 'moved')",
  "os.rename('dir', 'file')",
  "os.replace('file', 'blank')",
  "os.link('file', 'hard'), os.stat('file').st_nlink",
  "os.link('file', 'blank')",
  "os.symlink('file', 'soft'), os.readlink('soft')",
  "os.symlink('file', 'blank')",
  "os.readlink('link'), os.readlink(b'link')",
  "os.readlink('file')",
  "os.chmod('file', 0o640), oct(os.stat('file').st_mode)",
  "os.chmod('missing', 0o640)",
  "os.chown('file', -1, -1)",
  "os.utime('file', (1000, 2000)), os.stat('file').st_mtime, os.stat('file').st_atime",
  "os.utime('file', ns=(1000000000, 2000000000)), os.stat('file').st_mtime_ns",
  "os.utime('file', ns=(1700000000123456789, 1700000000987654321)), os.stat('file').st_atime_ns, os.stat('file').st_mtime_ns",
  "os.utime('link', ns=(-1, 1234567891234567891), follow_symlinks=False), os.lstat('link').st_atime_ns, os.lstat('link').st_mtime_ns",
  "os.utime(os.open('file', os.O_RDWR), ns=(5, 123456789)), os.stat('file').st_atime_ns, os.stat('file').st_mtime_ns",
  "os.utime('file', (1, 2), ns=(1, 2))",
  "os.access('file', os.R_OK), os.access('missing', os.F_OK), os.access('dangling', os.F_OK)",
  "os.truncate('file', 5), os.path.getsize('file')",
  "os.truncate('missing', 5)",
  "os.statvfs('.').f_bsize > 0",
  "os.path.exists('dangling'), os.path.lexists('dangling'), os.path.isfile('link'), os.path.isdir('dirlink'), os.path.islink('link')",
  "os.path.realpath('dirlink/sub/../a'), os.path.abspath('x')",
  "os.path.samefile('file', 'link'), os.path.getsize('file')",
  "os.path.ismount('/'), os.path.ismount('dir')",
  'os.getcwd(), os.getcwdb()',
  "os.chdir('dir'), os.getcwd(), sorted(os.listdir())",
  "os.chdir('file')",
  "os.chdir('missing')",
  "os.path.expanduser('~'), sorted(os.environ) == sorted(os.environ.keys()), 'ONESH_CONTEXT' in os.environ",
  "os.open('missing', os.O_RDONLY)",
  "os.read(os.open('file', os.O_RDONLY), 5)",
  "os.open('file', os.O_CREAT | os.O_EXCL)",
  'os.close(9999)',
  'os.read(9999, 1)',
  "os.umask(0o77), os.close(os.open('new', os.O_CREAT | os.O_WRONLY)), oct(os.stat('new').st_mode)",
  "pathlib.Path('file').read_text()",
  "pathlib.Path('new').write_bytes(b'xyz'), pathlib.Path('new').stat().st_size",
  "sorted(str(p) for p in pathlib.Path('.').rglob('*') if p.name != '__pycache__')",
  "sorted(p.name for p in pathlib.Path('dir').iterdir())",
  "pathlib.Path('missing').read_text()",
  "pathlib.Path('link').resolve().name, pathlib.Path('dir').is_dir(), pathlib.Path('missing').exists()",
  "pathlib.Path('p/q').mkdir(parents=True), pathlib.Path('p/q').rmdir()",
  "pathlib.Path('new').touch(), pathlib.Path('new').unlink(), pathlib.Path('none').unlink(missing_ok=True)",
  "pathlib.Path('file').rename('renamed').name",
  "sorted(glob.glob('*')), sorted(glob.glob('**/c', recursive=True))",
  "shutil.copyfile('file', 'copy'), open('copy').read()",
  "shutil.copy('file', 'dir')",
  "shutil.copy2('file', 'copy')",
  "shutil.copyfile('file', 'file')",
  "shutil.copyfile('missing', 'copy')",
  "shutil.copytree('dir', 'copy', symlinks=True), sorted(os.listdir('copy'))",
  "shutil.move('file', 'dir'), sorted(os.listdir('dir'))",
  "shutil.rmtree('dir'), os.path.exists('dir')",
  "shutil.rmtree('missing')",
  "shutil.rmtree('missing', ignore_errors=True)",
  "shutil.which('no-such-program')",
  "shutil.disk_usage('.').total > 0",
  "importlib.import_module('single').here",
  "importlib.import_module('mod').inner.value, importlib.import_module('mod').name",
  "importlib.import_module('no_such_module')",
  "importlib.import_module('mod.none')",
  "list(csv.reader(open('rows.csv')))",
  "json.load(open('data.json', encoding='utf-8'))",
  "[line for line in fileinput.input(['file', 'dir/b'])]",
  "linecache.getline('single.py', 2)",
  "inspect.getsource(importlib.import_module('mod.inner'))",
  "hashlib.sha256(open('file', 'rb').read()).hexdigest()",
  "filecmp.cmp('file', 'link'), filecmp.dircmp('dir', 'mod').left_only",
  "runpy.run_path('single.py')['here']",
  "zipfile.is_zipfile('file'), tarfile.is_tarfile('file')",
  "configparser.ConfigParser().read('missing')",
];

/** Programs of a few lines. */
export const pythonBlocks: Readonly<Record<string, string>> = {
  'write, append, read back': `
with open('new', 'w') as f: show(f.write('one\\n'), f.tell())
with open('new', 'a') as f: f.write('two\\n'); show(f.tell())
with open('new', 'r+') as f: show(f.read(3)); f.seek(0); f.write('ONE'); f.seek(0, 2); show(f.tell())
show(open('new').read())`,
  'random access': `
with open('new', 'w+b') as f:
    f.write(bytes(range(256)) * 100); f.seek(1000); show(f.read(4)); f.seek(-2, 2); show(f.read()); f.seek(5); f.write(b'xx'); f.truncate(50); show(f.tell())
show(open('new', 'rb').read())`,
  'half written, and what another opening sees': `
f = open('new', 'w'); f.write('x' * 20000); show(os.path.getsize('new')); f.flush(); show(os.path.getsize('new')); f.close()`,
  'a large file': `
data = os.urandom(300000) * 3
with open('big', 'wb') as f: show(f.write(data))
show(open('big', 'rb').read() == data, os.path.getsize('big'))
with open('big', 'rb') as f: f.seek(500000); show(f.read(10) == data[500000:500010])
open('big', 'w').close()`,
  'the interpreter': `
show(sys.version, sys.executable)`,
  'functions kept in a class': `
class Kept: open, stat, listdir, scandir, getcwd, read, rename = open, os.stat, os.listdir, os.scandir, os.getcwd, os.open, os.rename
k = Kept(); show(k.open('file').read(), st(k.stat('file')), sorted(k.listdir('dir')), k.getcwd(), k.rename('file', 'moved'))
show([f.__name__ for f in (open, os.stat, os.chdir, os.fchdir, os.getcwdb, os.unlink, os.remove, os.rename)], os.stat.__module__)
import pickle
for f in os.stat, os.listdir, open, os.rename, os.system: show(pickle.loads(pickle.dumps(f)) == f, f in {f})`,
  descriptors: `
fd = os.open('new', os.O_RDWR | os.O_CREAT, 0o644)
show(os.write(fd, b'hello'), os.lseek(fd, 0, 0), os.read(fd, 99), os.read(fd, 1), os.pread(fd, 2, 1), os.pwrite(fd, b'J', 0))
show(os.fstat(fd).st_size, os.ftruncate(fd, 3), os.fsync(fd), os.fdatasync(fd), os.isatty(fd), os.get_inheritable(fd))
d = os.dup(fd); os.lseek(d, 1, 0); show(os.read(fd, 9)); os.close(fd); show(os.lseek(d, 0, 1)); os.close(d)
try: os.read(d, 1)
except OSError as e: show(e)`,
  'numbers of descriptors': `
a = open('file'); b = open('blank'); show(b.fileno() - a.fileno()); n = a.fileno(); a.close(); show(open('file').fileno() == n)`,
  dup2: `
fd = os.open('new', os.O_WRONLY | os.O_CREAT); os.dup2(fd, 50); os.close(fd); os.write(50, b'via 50'); os.close(50); show(open('new').read())`,
  'readv and writev': `
fd = os.open('new', os.O_RDWR | os.O_CREAT); show(os.writev(fd, [b'ab', b'cde'])); os.lseek(fd, 0, 0)
b = [bytearray(2), bytearray(5)]; show(os.readv(fd, b), b); os.close(fd)`,
  'append mode of descriptors': `
a = os.open('file', os.O_WRONLY | os.O_APPEND); b = os.open('file', os.O_WRONLY | os.O_APPEND)
os.write(a, b'1'); os.write(b, b'2'); os.write(a, b'3'); os.close(a); os.close(b); show(open('file').read())`,
  'unlinked but open': `
f = open('file'); os.unlink('file'); show(f.read(5), os.fstat(f.fileno()).st_nlink); f.close()`,
  'renamed but open': `
f = open('file', 'a'); os.rename('file', 'moved'); f.write('end'); f.close(); show(open('moved').read())`,
  opener: `
def at(path, flags): return os.open(path, flags, 0o600)
with open('secret', 'w', opener=at) as f: f.write('s'); show(f.name)
show(oct(os.stat('secret').st_mode), open('secret', opener=at).read())`,
  fdopen: `
fd = os.open('new', os.O_WRONLY | os.O_CREAT)
with os.fdopen(fd, 'w') as f: f.write('text'); show(f.name == fd)
show(open('new').read())
try: os.fstat(fd)
except OSError as e: show(e)`,
  'closefd=False': `
fd = os.open('file', os.O_RDONLY); f = open(fd, closefd=False); show(f.readline()); f.close(); os.lseek(fd, 0, 0); show(os.read(fd, 5)); os.close(fd)`,
  'relative to an open directory': `
d = os.open('dir', os.O_RDONLY); fd = os.open('a', os.O_RDONLY, dir_fd=d); show(os.read(fd, 9)); os.close(fd)
show(st(os.stat('b', dir_fd=d))); os.mkdir('made', dir_fd=d); os.unlink('a', dir_fd=d); show(sorted(os.listdir(d))); os.close(d)`,
  'text: newlines, encodings': `
with open('t', 'w', encoding='utf-16', newline='\\r\\n') as f: f.write('a\\nü\\n')
show(open('t', 'rb').read(), open('t', encoding='utf-16').read(), open('t', encoding='utf-16', newline='').read())`,
  'line buffering': `
f = open('new', 'w', 1); f.write('line\\n'); show(open('new').read()); f.write('part'); show(open('new').read()); f.close()`,
  'closed files': `
f = open('file'); f.close(); f.close(); show(f.closed)
for call in (f.read, f.fileno, f.readline):
    try: call()
    except ValueError as e: show(e)`,
  'context managers and errors': `
try:
    with open('new', 'w') as f: f.write('kept'); raise KeyError('x')
except KeyError as e: show(repr(e))
show(open('new').read())`,
  tempfile: `
with tempfile.TemporaryDirectory(dir='.') as d:
    open(os.path.join(d, 'x'), 'w').write('y'); show(os.listdir(d))
show(os.path.exists(d))
with tempfile.NamedTemporaryFile('w+', dir='.', suffix='.t') as f: f.write('tmp'); f.flush(); show(os.path.getsize(f.name), f.name.endswith('.t'))
with tempfile.TemporaryFile(dir='.') as f: f.write(b'x' * 10); f.seek(0); show(len(f.read()))
with tempfile.SpooledTemporaryFile(5, dir='.') as f: f.write(b'y' * 10); f.seek(0); show(f.read())
fd, name = tempfile.mkstemp(dir='.'); os.close(fd); show(oct(os.stat(name).st_mode)); os.unlink(name)`,
  zipfile: `
with zipfile.ZipFile('z.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr(zipfile.ZipInfo('one', (2000, 1, 1, 0, 0, 0)), 'text' * 100); z.writestr(zipfile.ZipInfo('d/two', (2000, 1, 1, 0, 0, 0)), b'2')
with zipfile.ZipFile('z.zip') as z: show(z.namelist(), z.read('one')[:8], z.testzip()); z.extractall('out')
show(sorted(os.listdir('out')))
sys.path.insert(0, 'lib.zip')
with zipfile.ZipFile('lib.zip', 'w') as z: z.writestr(zipfile.ZipInfo('zipped.py', (2000, 1, 1, 0, 0, 0)), 'v = 7')
import zipped; show(zipped.v); sys.path.pop(0)`,
  tarfile: `
def plain(t): t.mtime = 1000; t.uid = t.gid = 0; t.uname = t.gname = ''; return t
with tarfile.open('t.tar', 'w') as t: t.add('dir', filter=plain); t.add('link', filter=plain)
with tarfile.open('t.tar') as t: show(sorted(t.getnames()), t.extractfile('dir/a').read()); t.extractall('out')
show(open('out/dir/sub/c').read(), os.readlink('out/link'))`,
  'gzip, bz2, lzma': `
for m, n in (gzip, 'g'), (bz2, 'b'), (lzma, 'l'):
    with m.open(n, 'wt') as f: f.write('compressed ' * 50)
    show(len(m.open(n, 'rt').read()))
    os.unlink(n)`,
  ssl: `
import ssl
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
show(server.load_cert_chain('cert.pem', 'key.pem'), server.load_cert_chain('both.pem'), server.load_cert_chain(certfile=pathlib.Path('both.pem')))
for files in ('missing',), ('cert.pem', 'missing'), ('file',), ('cert.pem',):
    try: server.load_cert_chain(*files); show('loaded')
    except OSError as e: show(files, type(e).__name__, e.errno)
client = ssl.create_default_context(cafile='cert.pem')
show([c['subject'] for c in client.get_ca_certs()])
other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
for given in {'cafile': 'missing'}, {'cafile': 'file'}, {'cafile': 'cert.pem'}, {'cadata': open('cert.pem').read()}, {}:
    try: other.load_verify_locations(**given); show(len(other.get_ca_certs()))
    except (OSError, TypeError) as e: show(sorted(given), type(e).__name__)
show(sorted(os.listdir('.')))`,
  sqlite3: `
import sqlite3
c = sqlite3.connect('db'); c.execute('create table t (a, b)'); c.executemany('insert into t values (?, ?)', [(1, 'x'), (2, 'y')]); c.commit()
show(c.execute('select * from t order by a').fetchall(), c.total_changes)
with c: c.execute('update t set b = ? where a = 2', ('z',))
c.close()
c = sqlite3.connect('db'); show(list(c.execute('select b from t'))); c.close()
m = sqlite3.connect(':memory:'); show(m.execute('select 1+1').fetchone())
try: sqlite3.connect('missing/db')
except sqlite3.OperationalError as e: show(e)
show(sorted(os.listdir('.')))`,
  'dbm.dumb and shelve': `
import dbm.dumb
with dbm.dumb.open('d', 'c') as d: d[b'k'] = b'v'
with dbm.dumb.open('d') as d: show(d[b'k'])`,
  pickle: `
import pickle
with open('p', 'wb') as f: pickle.dump({'a': [1, 2]}, f)
show(pickle.load(open('p', 'rb')))`,
  'logging to a file': `
import logging
h = logging.FileHandler('log'); log = logging.getLogger('x'); log.addHandler(h); log.warning('careful'); h.close(); log.removeHandler(h); show(open('log').read())`,
  configparser: `
c = configparser.ConfigParser(); c['s'] = {'k': 'v'}
with open('c.ini', 'w') as f: c.write(f)
d = configparser.ConfigParser(); show(d.read(['c.ini', 'none']), d['s']['k'])`,
  'csv written': `
with open('o.csv', 'w', newline='') as f: csv.writer(f).writerows([[1, 'a,b'], ['ü', '"']])
show(open('o.csv', 'rb').read())`,
  'import of what was just written': `
open('fresh.py', 'w').write('x = 1\\nimport mod.inner as i\\ny = i.value\\n'); importlib.invalidate_caches()
import fresh; show(fresh.x, fresh.y, os.path.basename(fresh.__file__)); del sys.modules['fresh']`,
  'a module with an error': `
open('bad.py', 'w').write('def f():\\n    return 1 +\\n'); importlib.invalidate_caches()
try: import bad
except SyntaxError as e: show(os.path.basename(e.filename), e.lineno, e.msg)`,
  'a trace names the line': `
import traceback
open('deep.py', 'w').write('def f():\\n    raise ValueError("deep")\\n'); importlib.invalidate_caches()
import deep
try: deep.f()
except ValueError: show(traceback.format_exc().splitlines()[-3:])
del sys.modules['deep']`,
  py_compile: `
import py_compile
out = py_compile.compile('single.py', cfile='single.pyc', doraise=True); show(out, os.path.getsize(out) > 50); os.unlink(out)`,
  'threads that read at once': `
import threading
results = {}
def work(i):
    for _ in range(5):
        with open('t%d' % i, 'w') as f: f.write(str(i) * 100)
        results[i] = open('t%d' % i).read() == str(i) * 100
ts = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]; show(sorted(results.items()))`,
  'asyncio beside files': `
import asyncio
async def main():
    a, b = await asyncio.gather(asyncio.to_thread(lambda: open('file').read()), asyncio.to_thread(os.listdir, 'dir'))
    show(a, sorted(b))
asyncio.run(main())`,
  'names that are not UTF-8': `
name = b'b\\xff\\xfe'
open(name, 'w').write('x'); show(sorted(os.listdir(b'.'))[:2], [ascii(n) for n in os.listdir('.') if not n.isascii()]); os.rename(name, 'utf8')`,
  unittest: `
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(open('dir/a').read(), 'A')
    def test_b(self): self.assertTrue(False)
s = io.StringIO(); r = unittest.TextTestRunner(stream=s).run(unittest.defaultTestLoader.loadTestsFromTestCase(T)); show(r.testsRun, len(r.failures), 'FAILED' in s.getvalue())`,
  'http.server': `
import http.server, threading, urllib.request, urllib.error
class H(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H); threading.Thread(target=s.serve_forever, daemon=True).start()
base = 'http://127.0.0.1:%d/' % s.server_port
with urllib.request.urlopen(base + 'file') as r: show(r.status, r.read(), r.headers['content-length'])
with urllib.request.urlopen(base + 'dir/') as r: show(r.read())
try: urllib.request.urlopen(base + 'missing')
except urllib.error.HTTPError as e: show(e.code); e.close()
s.shutdown(); s.server_close()`,
  mmap: `
import mmap
show(hasattr(mmap, 'mmap'))`,
  'walking and deleting': `
for r, d, f in os.walk('dir', topdown=False):
    for n in f: os.remove(os.path.join(r, n))
    for n in d: os.rmdir(os.path.join(r, n))
show(os.listdir('dir'))`,
  'stat of times': `
os.utime('file', (100.5, 200.25)); s = os.stat('file'); show(s.st_atime, s.st_mtime, s[8], s.st_mtime_ns)
shutil.copystat('file', 'blank'); show(os.stat('blank').st_mtime)`,
  'sparse and shortened': `
with open('s', 'wb') as f: f.seek(1000); f.write(b'end'); f.truncate(2000)
show(os.path.getsize('s'), open('s', 'rb').read()[998:1005])`,
  sendfile: `
a = os.open('file', os.O_RDONLY); b = os.open('sent', os.O_WRONLY | os.O_CREAT); show(os.sendfile(b, a, 0, 5)); os.close(a); os.close(b); show(open('sent').read())`,
  'exec and compile': `
exec(compile(open('single.py').read(), 'single.py', 'exec'), {'__file__': 'single.py'}); show('ok')`,
  'difflib, textwrap, string of files': `
import difflib
show(list(difflib.unified_diff(open('file').readlines(), open('dir/b').readlines(), 'x', 'y')))`,
};
