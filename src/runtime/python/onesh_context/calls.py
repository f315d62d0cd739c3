"""`os`: functions of paths and of descriptors, each the host's own where the path or descriptor is."""
import errno
import os
import posix
import stat as S

from .functions import like_builtin
from .namespace import CHUNK, fail, refuse

_kinds = {'file': S.S_IFREG, 'directory': S.S_IFDIR, 'symlink': S.S_IFLNK, 'character': S.S_IFCHR, 'block': S.S_IFBLK,
          'fifo': S.S_IFIFO, 'socket': S.S_IFSOCK}


def stat_result(s):
    a, m, c = int(s['atimeNs']), int(s['mtimeNs']), int(s['ctimeNs'])
    first = (s['mode'] | _kinds[s['kind']], int(s['ino']), int(s['dev']), s['nlink'], s['uid'], s['gid'], s['size'],
             a // 10**9, m // 10**9, c // 10**9)
    more = {'st_atime': a / 1e9, 'st_mtime': m / 1e9, 'st_ctime': c / 1e9, 'st_atime_ns': a, 'st_mtime_ns': m, 'st_ctime_ns': c,
            'st_blksize': int(s['blksize']), 'st_blocks': int(s['blocks']), 'st_rdev': int(s['rdev'])}
    return os.stat_result(first, more)


class DirEntry:
    __slots__ = ('name', 'path', '_kind', '_at', '_stat', '_lstat')
    __module__ = 'posix'

    def __init__(self, name, path, kind, at):
        self.name = name
        self.path = path
        self._kind = kind
        # Where it is, when `path` is relative to an open directory.
        self._at = at
        self._stat = self._lstat = None

    def stat(self, *, follow_symlinks=True):
        if not follow_symlinks or self._kind != 'symlink':
            if self._lstat is None:
                self._lstat = os.lstat(self._at)
            return self._lstat
        if self._stat is None:
            self._stat = os.stat(self._at)
        return self._stat

    def _is(self, kind, test, follow_symlinks):
        if self._kind != 'symlink' or not follow_symlinks:
            return self._kind == kind
        try:
            return test(self.stat().st_mode)
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks=True):
        return self._is('directory', S.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks=True):
        return self._is('file', S.S_ISREG, follow_symlinks)

    def is_symlink(self):
        return self._kind == 'symlink'

    def is_junction(self):
        return False

    def inode(self):
        return self.stat(follow_symlinks=False).st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return '<DirEntry %r>' % (self.name,)


class ScandirIterator:
    __module__ = 'posix'

    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def close(self):
        self._entries = iter(())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def make_calls(ns, files):
    """New functions by name, for `os` and `posix`."""
    calls = {}
    real = {name: getattr(posix, name) for name in dir(posix)}

    def path_of(path, dir_fd=None):
        """Like `locate`, relative to an open directory when one is given."""
        if path.__class__ is not str:
            path = os.fspath(path)
        if dir_fd is not None and not os.fsdecode(path).startswith('/'):
            directory = files.get(dir_fd)
            if directory is None:
                return 'host', path, path
            return 'remote', directory.path.rstrip('/') + '/' + os.fsdecode(path), path
        kind, where = ns.locate(path)
        return kind, where, path

    def has_nul(path):
        """Of such a path each version and function says something else."""
        return isinstance(path, (str, bytes)) and ('\0' if isinstance(path, str) else b'\0') in path

    def adopt(name, function):
        calls[name] = like_builtin(function, name, doc=real[name].__doc__)

    def define(name):
        def keep(remote):
            """`remote(where, given, args, kwargs)` answers for another machine's file; for an int, `files` has its descriptor."""
            host = real[name]

            def call(_, path, *args, **kwargs):
                if path.__class__ is str and path[:4] not in ns.special:
                    try:
                        return host(path, *args, **kwargs)
                    except FileNotFoundError:
                        if '..' not in path:
                            raise
                if isinstance(path, int):
                    if files.get(path) is None:
                        return host(path, *args, **kwargs)
                    return remote(path, path, *args, **kwargs)
                if has_nul(path):
                    return host(path, *args, **kwargs)
                kind, where, given = path_of(path, kwargs.get('dir_fd'))
                if kind == 'host':
                    return host(where if where != os.fsdecode(given) else given, *args, **kwargs)
                kwargs.pop('dir_fd', None)
                if kind == 'device':
                    return device(name, where, given)
                return remote(where, given, *args, **kwargs)

            adopt(name, call)
            return remote
        return keep

    def device(name, where, given):
        if name in ('stat', 'lstat'):
            return os.stat_result((S.S_IFCHR | 0o666, 0, 0, 1, posix.getuid(), posix.getgid(), 0, 0, 0, 0))
        if name == 'access':
            return True
        refuse(name, given)

    def target(where):
        return {'handle': files.get(where).handle} if isinstance(where, int) else {'path': where}

    def names(given):
        return () if isinstance(given, int) else (given,)

    # --- what is known of a file ---

    @define('stat')
    def _stat(where, given, *, follow_symlinks=True):
        if isinstance(where, int) and files.get(where).kind == 'device':
            return device('stat', where, given)
        return stat_result(ns.ask(names(given), 'stat', follow=bool(follow_symlinks), **target(where))[0]['stat'])

    @define('lstat')
    def _lstat(where, given):
        return stat_result(ns.ask(names(given), 'stat', follow=False, path=where)[0]['stat'])

    @define('access')
    def _access(where, given, mode, *, effective_ids=False, follow_symlinks=True):
        try:
            ns.ask((given,), 'access', path=where, mode=mode)
            return True
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENOSYS, errno.EHOSTDOWN, errno.ETIMEDOUT):
                raise
            return False

    @define('statvfs')
    def _statvfs(where, given):
        if isinstance(where, int):
            where = files.get(where).path
        f = {k: int(v) for k, v in ns.ask(names(given), 'statfs', path=where)[0]['statfs'].items()}
        return os.statvfs_result((f['bsize'], f['bsize'], f['blocks'], f['bfree'], f['bavail'], f['files'], f['ffree'], f['ffree'], 0, 255))

    @define('readlink')
    def _readlink(where, given):
        text = ns.ask((given,), 'readlink', path=where)[0]['path']
        return os.fsencode(text) if isinstance(given, bytes) else text

    def entries(where, given):
        if isinstance(where, int):
            where = files.get(where).path
        return ns.ask((given,), 'list', path=where)[0]['entries']

    def listdir(_, path=None):
        return _list_of(path, lambda e, _path: e['name'], real['listdir'])

    def scandir(_, path=None):
        def entry(e, base):
            name = e['name']
            if isinstance(base, int):
                return DirEntry(name, name, e['kind'], os.path.join(files.get(base).path, name))
            if isinstance(base, bytes):
                name = os.fsencode(name)
            path = os.path.join(base, name)
            return DirEntry(name, path, e['kind'], path)
        found = _list_of(path, entry, real['scandir'], True)
        return ScandirIterator(found) if isinstance(found, list) else found

    def _list_of(path, make, host, _scan=False):
        if path.__class__ is str and path[:4] not in ns.special or path is None and ns.same_host and ns.in_cwd:
            return host(path) if path is not None else host()
        shown = '.' if path is None else path
        if isinstance(shown, int):
            if files.get(shown) is None:
                return host(shown)
            return [make(e, shown) for e in entries(shown, shown)]
        kind, where, given = path_of(shown)
        if kind == 'host':
            return host(where if where != os.fsdecode(given) else given)
        listed = [make(e, given) for e in entries(where, given)]
        if not _scan and isinstance(given, bytes):
            return [os.fsencode(name) for name in listed]
        return listed

    adopt('listdir', listdir)
    adopt('scandir', scandir)

    # --- its change ---

    @define('chmod')
    def _chmod(where, given, mode, *, follow_symlinks=True):
        ns.ask(names(given), 'chmod', mode=mode, follow=bool(follow_symlinks), **target(where))

    @define('chown')
    def _chown(where, given, uid, gid, *, follow_symlinks=True):
        ns.ask(names(given), 'chown', uid=uid, gid=gid, follow=bool(follow_symlinks), **target(where))

    @define('lchown')
    def _lchown(where, given, uid, gid):
        ns.ask((given,), 'chown', uid=uid, gid=gid, follow=False, path=where)

    @define('utime')
    def _utime(where, given, times=None, *, ns_=None, follow_symlinks=True, **more):
        nanos = more.pop('ns', ns_)
        if times is not None and nanos is not None:
            raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
        exact = {}
        if nanos is not None:
            atime, mtime = (n / 1e9 for n in nanos)
            exact = {'exact': [str(int(n)) for n in nanos]}
        elif times is not None:
            atime, mtime = times
        else:
            import time
            atime = mtime = time.time()
        ns.ask(names(given), 'utimes', atime=atime, mtime=mtime, follow=bool(follow_symlinks), **exact, **target(where))

    @define('truncate')
    def _truncate(where, given, length):
        if length < 0:
            fail('EINVAL', *names(given))
        ns.ask(names(given), 'truncate', size=length, **target(where))

    @define('mkdir')
    def _mkdir(where, given, mode=0o777):
        ns.ask((given,), 'mkdir', path=where, mode=mode & ~ns.mask & 0o7777, recursive=False)

    @define('rmdir')
    def _rmdir(where, given):
        ns.ask((given,), 'remove', path=where, directory=True, recursive=False)

    def _unlink(where, given):
        ns.ask((given,), 'remove', path=where, directory=False, recursive=False)

    define('unlink')(_unlink)
    define('remove')(_unlink)

    for name in 'getxattr', 'setxattr', 'listxattr', 'removexattr':
        if name in real:
            def unsupported(where, given, *args, **kwargs):
                fail('ENOTSUP', *names(given))
            define(name)(unsupported)
    for name in 'mkfifo', 'mknod', 'chroot', 'pathconf', 'lchmod', 'chflags':
        if name in real:
            def refused(where, given, *args, _name=name, **kwargs):
                refuse(_name, *names(given))
            define(name)(refused)

    def two(name, request, second_is_text=False):
        host = real[name]

        def call(_, src, dst, *args, src_dir_fd=None, dst_dir_fd=None, dir_fd=None, **kwargs):
            plain = src.__class__ is str and dst.__class__ is str and src[:4] not in ns.special and dst[:4] not in ns.special
            fds = {k: v for k, v in (('src_dir_fd', src_dir_fd), ('dst_dir_fd', dst_dir_fd), ('dir_fd', dir_fd)) if v is not None}
            if plain and (fds or '..' not in src + dst):
                return host(src, dst, *args, **fds, **kwargs)
            src, dst = os.fspath(src), os.fspath(dst)
            to, there = path_of(dst, dir_fd if second_is_text else dst_dir_fd)[:2]
            if second_is_text:
                if to == 'host':
                    return host(src, there if there != os.fsdecode(dst) else dst, *args, **fds, **kwargs)
                return request(os.fsdecode(src), there, (src, dst))
            kind, where = path_of(src, src_dir_fd)[:2]
            if kind == 'host' and to == 'host':
                return host(src if where == os.fsdecode(src) else where, dst if there == os.fsdecode(dst) else there, *args, **fds, **kwargs)
            if 'device' in (kind, to):
                fail('EPERM', src, dst)
            if kind != to:
                # One is this host's, the other is not.
                if kind == 'host':
                    real['lstat'](where)
                fail('EXDEV', src, dst)
            return request(where, there, (src, dst))

        adopt(name, call)

    def rename(where, there, shown):
        ns.ask(shown, 'rename', path=where, to=there)

    two('rename', rename)
    two('replace', rename)
    two('link', lambda where, there, shown: ns.ask(shown, 'link', path=where, to=there) and None)
    two('symlink', lambda text, there, shown: ns.ask(shown, 'symlink', path=there, target=text) and None, True)

    def uname(_):
        found = real['uname']()
        return os.uname_result((found[0], ns.runtime, *found[2:]))

    adopt('uname', uname)

    # --- the working directory ---

    def getcwd(_=None):
        return ns.cwd if not (ns.same_host and ns.in_cwd) else real['getcwd']()

    def chdir(_, path):
        if isinstance(path, int):
            if files.get(path) is None:
                return real['chdir'](path)
            kind, where, given = 'remote', files.get(path).path, path
        else:
            kind, where, given = path_of(path)
        if kind == 'host' and ns.same_host:
            real['chdir'](where)
            ns.cwd, ns.in_cwd = real['getcwd'](), True
        else:
            found = ns.ask(names(given), 'stat', path=where, follow=True)[0]['stat']
            if found['kind'] != 'directory':
                fail('ENOTDIR', *names(given))
            ns.cwd = os.path.normpath(where) if '/..' not in where else ns.ask(names(given), 'realpath', path=where)[0]['path']
            ns.in_cwd = False
        ns.choose()

    adopt('getcwd', getcwd)
    adopt('getcwdb', lambda _: os.fsencode(getcwd()))
    adopt('chdir', chdir)
    adopt('fchdir', lambda _, fd: chdir(None, fd))

    def umask(_, mask):
        ns.mask = mask & 0o777
        return real['umask'](mask)

    adopt('umask', umask)

    # --- descriptors ---

    def open(_, path, flags, mode=0o777, *, dir_fd=None):
        if path.__class__ is str and path[:4] not in ns.special:
            try:
                return real['open'](path, flags, mode, dir_fd=dir_fd)
            except FileNotFoundError:
                if '..' not in path:
                    raise
        if has_nul(path):
            return real['open'](path, flags, mode, dir_fd=dir_fd)
        kind, where, given = path_of(path, dir_fd)
        if kind == 'host':
            return real['open'](where if where != os.fsdecode(given) else given, flags, mode, dir_fd=dir_fd)
        return files.open(given, kind, where, flags, mode)

    adopt('open', open)

    def descriptor(name):
        def keep(remote):
            if name not in real:
                return remote
            host, opened = real[name], files.open_files

            def call(_, fd, *args, **kwargs):
                return remote(fd, *args, **kwargs) if fd in opened else host(fd, *args, **kwargs)

            adopt(name, call)
            return remote
        return keep

    descriptor('read')(lambda fd, length: files.read(fd, length))
    descriptor('write')(lambda fd, data: files.write(fd, data))
    descriptor('pread')(lambda fd, length, offset: files.read(fd, length, offset))
    descriptor('pwrite')(lambda fd, data, offset: files.write(fd, data, offset))
    descriptor('lseek')(lambda fd, position, whence: files.seek(fd, position, whence))
    descriptor('close')(lambda fd: files.close(fd))
    descriptor('dup')(lambda fd: files.dup(fd))
    descriptor('dup2')(lambda fd, fd2, inheritable=True: files.dup2(fd, fd2, inheritable))
    descriptor('fstat')(lambda fd: _stat(fd, fd))
    descriptor('fstatvfs')(lambda fd: _statvfs(fd, fd))
    descriptor('ftruncate')(lambda fd, length: _ftruncate(fd, length))
    descriptor('fsync')(lambda fd: files.ask(fd, 'sync', dataOnly=False) and None)
    descriptor('fdatasync')(lambda fd: files.ask(fd, 'sync', dataOnly=True) and None)
    descriptor('fchmod')(lambda fd, mode: _chmod(fd, fd, mode))
    descriptor('fchown')(lambda fd, uid, gid: _chown(fd, fd, uid, gid))
    descriptor('isatty')(lambda fd: False)
    descriptor('posix_fadvise')(lambda fd, *args: None)

    def _ftruncate(fd, length):
        if not files.get(fd).writable or length < 0:
            fail('EINVAL')
        _truncate(fd, fd, length)

    def scatter(buffers, data):
        for buffer in buffers:
            view = memoryview(buffer).cast('B')
            part = data[:len(view)]
            view[:len(part)] = part
            data = data[len(part):]

    def readv(fd, buffers, offset=None):
        data = files.read(fd, sum(memoryview(b).nbytes for b in buffers), offset)
        scatter(buffers, data)
        return len(data)

    descriptor('readv')(readv)
    descriptor('preadv')(lambda fd, buffers, offset, flags=0: readv(fd, buffers, offset))
    descriptor('writev')(lambda fd, buffers: files.write(fd, b''.join(buffers)))
    descriptor('pwritev')(lambda fd, buffers, offset, flags=0: files.write(fd, b''.join(buffers), offset))
    for name in 'lockf', 'posix_fallocate', 'copy_file_range', 'splice', 'openpty', 'tcgetpgrp':
        if name in real:
            descriptor(name)(lambda fd, *args, _name=name, **kwargs: refuse(_name))

    if 'sendfile' in real:
        def sendfile(_, out_fd, in_fd, offset, count, *args, **kwargs):
            if out_fd not in files.open_files and in_fd not in files.open_files:
                return real['sendfile'](out_fd, in_fd, offset, count, *args, **kwargs)
            count = min(count, CHUNK)
            data = calls['read'](in_fd, count) if offset is None else calls['pread'](in_fd, count, offset)
            return calls['write'](out_fd, data) if data else 0

        adopt('sendfile', sendfile)

    def closerange(_, low, high):
        for fd in [fd for fd in files.open_files if low <= fd < high]:
            files.close(fd)
        real['closerange'](low, high)

    adopt('closerange', closerange)
    return calls
