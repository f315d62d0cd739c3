/** Calls of the system by Python programs, each a program of a few lines. */
export const pythonSystemBlocks: Readonly<Record<string, string>> = {
  'scandir in all its forms': `
with os.scandir('.') as all: show(sorted((e.name, e.is_symlink() or (e.is_dir(), e.is_file()), e.is_dir(follow_symlinks=False), e.path) for e in all))
show(sorted(e.name for e in os.scandir(b'dir')), sorted(e.path for e in os.scandir(pathlib.Path('dir'))))
d = os.open('dir', os.O_RDONLY); show(sorted((e.name, e.path, e.is_file()) for e in os.scandir(d)), sorted(os.listdir(d))); os.close(d)
e = [e for e in os.scandir('.') if e.name == 'link'][0]; show(st(e.stat()), st(e.stat(follow_symlinks=False))[0], e.inode() == os.lstat('link').st_ino, os.fspath(e), e)
e = [e for e in os.scandir('.') if e.name == 'dangling'][0]; show(e.is_file(), e.is_dir()); attempt(lambda: e.stat())
e = [e for e in os.scandir('.') if e.name == 'loop'][0]; attempt(lambda: e.is_file()); attempt(lambda: e.stat())
attempt(lambda: os.scandir('missing')); attempt(lambda: os.scandir('file')); attempt(lambda: os.listdir('file'))`,
  'walk and fwalk': `
show(sorted((r, sorted(d), sorted(f)) for r, d, f in os.walk('.')))
show(sorted((r, sorted(d), sorted(f)) for r, d, f in os.walk(b'dir', followlinks=True)))
show(sorted((r, sorted(d), sorted(f), os.stat('c' if r.endswith('sub') else '.', dir_fd=x).st_size > 0) for r, d, f, x in os.fwalk('dir')))
show(list(os.walk('missing'))); errors = []; list(os.walk('missing', onerror=errors.append)); show(errors)`,
  'makedirs, removedirs, renames': `
os.makedirs('a/b/c'); attempt(lambda: os.makedirs('a/b/c')); os.makedirs('a/b/c', exist_ok=True); attempt(lambda: os.makedirs('file/x')); attempt(lambda: os.makedirs('file', exist_ok=True))
os.renames('a/b/c', 'x/y'); show(os.path.exists('a'), os.listdir('x')); os.removedirs('x/y'); show(os.path.exists('x')); attempt(lambda: os.removedirs('dir'))`,
  'the working directory': `
os.chdir('dir/sub'); show(os.getcwd(), open('../a').read(), os.listdir('..') != []); os.chdir('..'); show(os.getcwd()); os.chdir(pathlib.Path('sub')); os.chdir(b'../..')
show(os.getcwd(), os.path.relpath('dir/a', 'dir/sub')); d = os.open('dir', os.O_RDONLY); os.chdir(d); show(os.getcwd()); os.fchdir(d); os.close(d)
os.chdir('../dirlink'); show(os.getcwd()); os.chdir('..'); here = os.getcwd(); os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); attempt(lambda: open('x', 'w')); os.chdir(here)`,
  'functions that take descriptors': `
fd = os.open('file', os.O_RDWR); show(st(os.stat(fd)), os.truncate(fd, 4), os.chmod(fd, 0o600), os.utime(fd, (5, 6)), os.fstat(fd).st_mtime, os.statvfs(fd).f_bsize > 0)
show(os.path.getsize(fd), os.path.exists(fd), os.get_blocking(fd), os.path.sameopenfile(fd, os.open('link', os.O_RDONLY)))
os.set_inheritable(fd, True); show(os.get_inheritable(fd)); os.close(fd); attempt(lambda: os.stat(fd)); attempt(lambda: os.lseek(fd, 0, 0)); attempt(lambda: os.write(fd, b'x'))
fd = os.open('file', os.O_RDONLY); attempt(lambda: os.write(fd, b'x')); attempt(lambda: os.ftruncate(fd, 1)); attempt(lambda: os.listdir(fd)); attempt(lambda: os.lseek(fd, -1, 0)); attempt(lambda: os.lseek(fd, 0, 9)); os.close(fd)
fd = os.open('file', os.O_WRONLY); attempt(lambda: os.read(fd, 1)); os.close(fd)`,
  'flags of open': `
for flags in os.O_DIRECTORY, os.O_NOFOLLOW, os.O_CREAT | os.O_EXCL, os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_RDWR | os.O_APPEND:
    for name in 'file', 'dir', 'link', 'dangling', 'loop', 'missing/x', 'file/x', '':
        try: os.close(os.open(name, flags)); show(name, 'opened')
        except OSError as e: show(name, e)
show(os.path.getsize('file')); attempt(lambda: os.open('a\\0b', 0)); attempt(lambda: open(None))`,
  'errors tell both names': `
attempt(lambda: os.rename('file', 'dir')); attempt(lambda: os.rename('dir', 'file')); attempt(lambda: os.rename('missing', 'x')); attempt(lambda: os.rename('dir', 'dir/sub/x'))
attempt(lambda: os.link('dir', 'x')); attempt(lambda: os.link('missing', 'x')); attempt(lambda: os.symlink('x', 'missing/y')); attempt(lambda: os.replace('file', 'missing/x'))
attempt(lambda: os.rmdir('file')); attempt(lambda: os.rmdir('dir')); attempt(lambda: os.unlink('dir')); attempt(lambda: os.readlink('dir')); attempt(lambda: os.mkdir('file/x')); attempt(lambda: os.chmod('loop', 0o600)); attempt(lambda: os.truncate('dir', 1)); attempt(lambda: os.truncate('file', -1))
attempt(lambda: os.link('link', 'h', follow_symlinks=False)); show(os.path.islink('h')); attempt(lambda: os.link('link', 'h2')); show(os.path.islink('h2'))`,
  'realpath, path functions': `
show(os.path.realpath('dirlink/../link'), os.path.realpath('loop'), os.path.realpath('dangling'), os.path.realpath('missing/x'), os.path.realpath(b'link'))
if sys.version_info >= (3, 10): attempt(lambda: os.path.realpath('dangling', strict=True)); attempt(lambda: os.path.realpath('loop', strict=True))
show(os.path.samestat(os.stat('file'), os.stat('link')), os.path.commonpath([os.path.abspath('dir/a'), os.path.abspath('dir/b')]), os.path.getmtime('file') > 0, os.path.getctime('file') > 0, os.path.getatime('file') > 0)
attempt(lambda: os.path.getsize('missing')); attempt(lambda: os.path.samefile('file', 'missing')); show(os.path.isabs('x'), os.path.lexists(b'loop'), os.path.isfile('file/x'), os.path.exists('a\\0b'))
show(os.pathconf('.', 'PC_NAME_MAX') if False else 255)`,
  'pathlib at large': `
p = pathlib.Path('dir'); show(sorted(map(str, p.glob('**/*'))), sorted(map(str, p.rglob('c'))), [q.name for q in sorted(p.iterdir())], p.resolve() == pathlib.Path.cwd() / 'dir', p.is_symlink(), p.exists())
q = p / 'new.txt'; q.write_text('x\\ny\\n'); show(q.read_bytes(), q.stat().st_size, q.suffix, q.with_suffix('.md').name, q.open().readlines(), q.samefile('dir/new.txt'), q.owner() == p.owner(), q.chmod(0o600), oct(q.stat().st_mode), q.lstat().st_size)
attempt(lambda: q.mkdir()); attempt(lambda: p.rmdir()); attempt(lambda: (p / 'x' / 'y').mkdir()); attempt(lambda: p.mkdir(exist_ok=True)); attempt(lambda: q.mkdir(exist_ok=True)); attempt(lambda: q.touch(exist_ok=False))
l = pathlib.Path('l'); l.symlink_to('dir'); show(l.is_dir(), l.is_symlink(), l.resolve().name, os.readlink(l)); l.unlink(); show(q.replace('moved').name, pathlib.Path('moved').rename('file2').name, pathlib.Path('~').expanduser() == pathlib.Path.home())
show(pathlib.Path('file').is_mount(), pathlib.Path('loop').is_symlink(), pathlib.Path('missing').is_file(), pathlib.Path('.').absolute() == pathlib.Path.cwd()); attempt(lambda: pathlib.Path('loop').resolve(strict=True)); attempt(lambda: pathlib.Path('missing').resolve(strict=True)); attempt(lambda: pathlib.Path('missing').unlink()); attempt(lambda: pathlib.Path('missing').stat()); attempt(lambda: list(pathlib.Path('missing').iterdir()))
if sys.version_info >= (3, 10): pathlib.Path('hard').hardlink_to('file'); show(pathlib.Path('hard').stat().st_nlink, pathlib.Path('link').readlink(), pathlib.Path('link').stat(follow_symlinks=False).st_size)
if sys.version_info >= (3, 12): show(sorted((str(r), sorted(d), sorted(f)) for r, d, f in p.walk()))`,
  'shutil at large': `
shutil.copytree('dir', 't1', ignore=shutil.ignore_patterns('b')); show(sorted(os.listdir('t1'))); attempt(lambda: shutil.copytree('dir', 't1')); shutil.copytree('dir', 't1', dirs_exist_ok=True, copy_function=shutil.copy); show(sorted(os.listdir('t1')))
shutil.copymode('file', 'blank'); show(shutil.copyfile('link', 'l2', follow_symlinks=False), os.path.islink('l2')); attempt(lambda: shutil.copyfile('dir', 'x')); attempt(lambda: shutil.copy('file', 'missing/x'))
show(shutil.move('t1', 't2'), shutil.move('t2', 'dir')); attempt(lambda: shutil.move('dir', 'dir/sub')); attempt(lambda: shutil.move('missing', 'x')); attempt(lambda: shutil.rmtree('file')); attempt(lambda: shutil.rmtree('dirlink'))
name = shutil.make_archive('arch', 'zip', 'dir'); show(name); shutil.unpack_archive(name, 'unpacked'); show(sorted(os.listdir('unpacked'))); os.unlink(name); shutil.rmtree('unpacked')
name = shutil.make_archive('arch', 'gztar', root_dir='.', base_dir='dir'); show(name); shutil.unpack_archive(name, 'unpacked'); show(sorted(os.listdir('unpacked/dir'))); os.unlink(name); shutil.rmtree('unpacked')
seen = []; shutil.rmtree('missing', onerror=lambda f, p, e: seen.append((f.__name__, p, e[0].__name__))); show(seen); shutil.chown('file', os.getuid()); show(shutil.which('file', path='.'), shutil.which('sh') is not None, shutil.rmtree.avoids_symlink_attacks)`,
  'glob at large': `
show(sorted(glob.glob('d*')), sorted(glob.glob('dir/*')), sorted(glob.glob('**', recursive=True)), sorted(glob.glob(os.path.abspath('dir') + '/[ab]')), sorted(glob.iglob(b'*.json')), glob.glob('missing/*'), glob.has_magic('a*'), sorted(glob.glob('*/')), sorted(glob.glob('dir*/**/c', recursive=True)))
if sys.version_info >= (3, 10): show(sorted(glob.glob('*', root_dir='dir')), sorted(glob.glob('**', root_dir=os.open('dir', os.O_RDONLY), recursive=True) if False else []))
if sys.version_info >= (3, 11): show(sorted(glob.glob('.*', include_hidden=True)))`,
  'tempfile at large': `
tempfile.tempdir = os.path.abspath('.'); d = tempfile.mkdtemp(prefix='p'); show(oct(os.stat(d).st_mode), os.path.dirname(d)); os.rmdir(d)
f = tempfile.NamedTemporaryFile(delete=False); f.write(b'kept'); f.close(); show(open(f.name).read()); os.unlink(f.name)
with tempfile.NamedTemporaryFile('w', suffix='.x') as f: f.write('t'); f.flush(); show(open(f.name).read()); n = f.name
show(os.path.exists(n)); t = tempfile.TemporaryFile('w+'); t.write('abc'); t.seek(0); show(t.read()); t.close()
s = tempfile.SpooledTemporaryFile(10, mode='w+'); s.write('x' * 20); show(s._rolled); s.seek(0); show(len(s.read())); s.close(); tempfile.tempdir = None
d = tempfile.TemporaryDirectory(dir='.'); os.mkdir(d.name + '/x'); open(d.name + '/x/y', 'w').close(); d.cleanup(); show(os.path.exists(d.name))`,
  'open: modes and their errors': `
for mode in 'r', 'w', 'a', 'x', 'r+', 'w+', 'a+', 'x+', 'rb', 'wb', 'ab', 'r+b', 'rt', '', 'rw', 'q', 'U', 'b', 'rbt', '+', 'rr':
    for name in 'file', 'dir', 'fresh', 'dangling':
        try:
            with open(name, mode) as f: show(mode, name, f.mode, f.name, f.readable(), f.writable(), f.seekable(), type(f).__name__)
        except (OSError, ValueError) as e: show(mode, name, e)
    for left in 'fresh', 'nowhere':
        if os.path.exists(left): os.unlink(left)
attempt(lambda: open('file', buffering=0)); attempt(lambda: open('file', 'rb', encoding='utf-8')); attempt(lambda: open('file', 'rb', newline='')); attempt(lambda: open('file', newline='x')); attempt(lambda: open('file', encoding='none')); attempt(lambda: open('file', errors='none')); attempt(lambda: open('file', closefd=False)); attempt(lambda: open(-1)); attempt(lambda: open('a\\0b')); attempt(lambda: open('file', 5))`,
  'what files do not allow': `
f = open('file'); attempt(lambda: f.write('x')); attempt(lambda: f.seek(-1)); attempt(lambda: f.seek(1, 1)); attempt(lambda: f.seek(0, 5)); attempt(lambda: f.truncate()); next(f); attempt(lambda: f.tell()); f.close(); attempt(lambda: f.seek(0)); attempt(lambda: next(f)); attempt(lambda: f.__enter__())
g = open('out', 'w'); attempt(lambda: g.read()); attempt(lambda: g.write(b'x')); attempt(lambda: next(g)); g.close(); b = open('file', 'rb'); attempt(lambda: b.write(b'x')); attempt(lambda: b.seek(-5)); attempt(lambda: b.read('x')); attempt(lambda: b.raw.write(b'x')); attempt(lambda: b.raw.truncate(3)); b.close(); attempt(lambda: b.read()); attempt(lambda: b.raw.read())
h = open('out', 'wb', 0); attempt(lambda: h.read()); attempt(lambda: h.readinto(bytearray(3))); attempt(lambda: h.write('text')); show(h.write(b'abc'), h.tell(), h.seek(1), h.truncate(), h.closed, h.isatty()); h.close(); attempt(lambda: h.write(b'x')); attempt(lambda: h.tell()); attempt(lambda: h.fileno())`,
  'the raw, buffered and text layers': `
r = io.FileIO('file'); show(r.mode, r.name, r.readable(), r.writable(), r.closefd, r.read(3), r.readline(), r.readall()[:3], r.read(5)); r.close(); show(repr(r))
r = io.FileIO('new', 'w+'); show(r.write(b'hello'), r.seek(0), r.read(), r.mode); r.close(); attempt(lambda: io.FileIO('missing')); attempt(lambda: io.FileIO('dir')); attempt(lambda: io.FileIO('file', 'z')); attempt(lambda: io.FileIO(9999))
b = open('file', 'rb'); show(b.peek(3)[:3], b.read1(4), b.readinto(bytearray(3)), b.readlines(), b.raw.name, b.name); b.seek(0); show(list(b)); b.close(); b = io.BufferedReader(io.FileIO('file'), 4); show(b.read(7), b.tell(), b.seek(-2, 1), b.read()); b.close()
t = io.TextIOWrapper(open('file', 'rb'), encoding='ascii'); show(t.readline(), t.encoding, t.errors, t.line_buffering, t.newlines, t.name); c = t.tell(); t.read(); t.seek(c); show(t.read()); d = t.detach(); show(d.closed); d.close()
w = open('new', 'w', encoding='latin-1', errors='replace'); show(w.write('a\\u20ac'), w.encoding, w.errors, w.reconfigure(line_buffering=True), w.line_buffering); w.close(); show(open('new', 'rb').read())
p = io.BufferedRandom(io.FileIO('new', 'r+')); p.write(b'XY'); p.seek(0); show(p.read()); p.close(); class_ = io.open('file', 'rb', 0); show(isinstance(class_, io.FileIO), isinstance(class_, io.RawIOBase), type(class_).__name__); class_.close()`,
  'iteration, large lines, seeks in text': `
open('t', 'w').writelines('line %d ü\\n' % i for i in range(20000)); n = 0
with open('t') as f:
    for line in f: n += len(line)
    show(n, f.tell()); f.seek(0); a = f.readline(); p = f.tell(); b = f.readline(); f.seek(p); show(f.readline() == b, f.read(10)); f.seek(0, 2); show(f.read())
with open('t', 'r+') as f: f.seek(0, 2); f.write('end'); f.seek(0); show(f.readline()); f.truncate(5)
show(os.path.getsize('t')); os.truncate('t', 3)`,
  'environment of children': `
import subprocess
os.environ['ONLY_HERE'] = 'grün'; show(subprocess.run(['sh', '-c', 'echo $ONLY_HERE; pwd'], capture_output=True, text=True).stdout); del os.environ['ONLY_HERE']; show(subprocess.run(['sh', '-c', 'echo [$ONLY_HERE]'], stdout=subprocess.PIPE).stdout)
os.putenv('PUT', 'x'); os.unsetenv('PUT'); show(os.getenv('NONE', 'd'), os.environb.get(b'HOME'), os.get_exec_path() == os.environ['PATH'].split(':'), 'PATH' in os.environ)
show(subprocess.run('cat; echo done >made', shell=True, input='in', text=True, stdout=subprocess.PIPE, cwd='dir').stdout, open('dir/made').read()); attempt(lambda: subprocess.run(['ls'], cwd='missing')); attempt(lambda: subprocess.run(['no-such-program'])); attempt(lambda: subprocess.check_call(['false'])); attempt(lambda: subprocess.run(['./file']))
p = os.popen('echo a; exit 2'); show(p.read(), p.close(), os.system('exit 3') >> 8, subprocess.getstatusoutput('echo x; exit 4'), os.WEXITSTATUS(os.system('exit 5')))`,
  'select and sockets with files': `
import socket, select
a, b = socket.socketpair(); f = open('file', 'rb'); show(a.sendfile(f)); a.close(); show(b.makefile().read()); b.close(); f.close()
s = socket.socket(socket.AF_UNIX); attempt(lambda: s.connect('missing.sock')); s.close()`,
};
