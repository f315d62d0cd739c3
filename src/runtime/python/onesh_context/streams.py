"""`open` and `FileIO`: a raw file of another machine below Python's own buffers and text."""
import _io
import io
import os
import sys
import warnings

from .functions import like_builtin
from .namespace import fail

_real_open = _io.open
_RealFileIO = _io.FileIO
# Reading in sequence asks for this much at once; what is written goes out as Python's own buffers give it.
_READ_BUFFER = 128 << 10


def _universal(mode):
    """The old mode `U` as Python up to 3.10 has it: text is read with all kinds of line ends, as it is without."""
    rest = mode.replace('U', '', 1)
    if set(rest) & set('wax+'):
        raise ValueError("mode U cannot be combined with 'x', 'w', 'a', or '+'")
    warnings.warn("'U' mode is deprecated", DeprecationWarning, 3)
    return rest if 'r' in rest else 'r' + rest


def raw_flags(mode):
    """open(2)'s flags for a mode of FileIO. Raises ValueError as FileIO does."""
    if not set(mode) <= set('rwaxb+'):
        raise ValueError('invalid mode: ' + mode)
    kinds = [c for c in mode if c in 'rwax']
    if len(kinds) != 1 or mode.count('+') > 1:
        raise ValueError('Must have exactly one of create/read/write/append mode and at most one plus')
    kind, plus = kinds[0], '+' in mode
    access = os.O_RDWR if plus else os.O_RDONLY if kind == 'r' else os.O_WRONLY
    more = {'r': 0, 'w': os.O_CREAT | os.O_TRUNC, 'x': os.O_CREAT | os.O_EXCL, 'a': os.O_CREAT | os.O_APPEND}[kind]
    return access | more | os.O_CLOEXEC


class VirtualFile(_io._RawIOBase):
    """As FileIO, for a descriptor of a file of another machine."""

    def __init__(self, descriptors, fd, name, mode, closefd):
        self._files = descriptors
        self._fd = fd
        self.name = name
        self._closefd = closefd
        kind = next(c for c in mode if c in 'rwax')
        self._plus = '+' in mode
        self._kind = kind
        self._blksize = 4096
        if kind == 'a' and descriptors.get(fd).kind == 'file':
            descriptors.seek(fd, 0, 2)

    __module__ = '_io'
    __qualname__ = 'FileIO'

    @property
    def mode(self):
        plus = '+' if self._plus else ''
        return {'r': 'rb', 'w': 'rb' if self._plus else 'wb', 'x': 'xb', 'a': 'ab'}[self._kind] + plus

    @property
    def closefd(self):
        return self._closefd

    def _check(self):
        if self.closed:
            raise ValueError('I/O operation on closed file')

    def fileno(self):
        self._check()
        return self._fd

    def isatty(self):
        self._check()
        return False

    def readable(self):
        self._check()
        return self._kind == 'r' or self._plus

    def writable(self):
        self._check()
        return self._kind != 'r' or self._plus

    def seekable(self):
        self._check()
        return self._files.get(self._fd).kind != 'device'

    def _must(self, able, what):
        if not able:
            raise _io.UnsupportedOperation('File not open for ' + what)

    def readinto(self, buffer):
        self._check()
        self._must(self.readable(), 'reading')
        view = memoryview(buffer).cast('B')
        data = self._files.read(self._fd, len(view))
        view[:len(data)] = data
        return len(data)

    def read(self, size=-1):
        self._check()
        self._must(self.readable(), 'reading')
        if size is None or size < 0:
            return self.readall()
        return self._files.read(self._fd, size)

    def readall(self):
        self._check()
        self._must(self.readable(), 'reading')
        parts = []
        while True:
            data = self._files.read(self._fd, 1 << 20)
            if not data:
                return b''.join(parts)
            parts.append(data)

    def write(self, data):
        self._check()
        self._must(self.writable(), 'writing')
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        return self._files.write(self._fd, data)

    def seek(self, offset, whence=0):
        self._check()
        return self._files.seek(self._fd, offset, whence)

    def tell(self):
        return self.seek(0, 1)

    def truncate(self, size=None):
        self._check()
        self._must(self.writable(), 'writing')
        if size is None:
            size = self.tell()
        os.ftruncate(self._fd, size)
        return size

    def close(self):
        if self.closed:
            return
        try:
            _io._RawIOBase.close(self)
        finally:
            if self._closefd and self._files.get(self._fd) is not None:
                self._files.close(self._fd)

    def _dealloc_warn(self, source):
        # Called by the buffer above: as FileIO, it says so where warnings of resources are asked for.
        if not self.closed and self._closefd:
            import warnings
            warnings.warn('unclosed file %r' % (source,), ResourceWarning, stacklevel=2, source=source)

    def __del__(self):
        if not self.closed and self._closefd:
            self._dealloc_warn(self)
            self.close()

    def __repr__(self):
        if self.closed:
            return '<_io.FileIO [closed]>'
        return '<_io.FileIO name=%r mode=%r closefd=%r>' % (self.name, self.mode, self._closefd)


VirtualFile.__name__ = 'FileIO'
io.RawIOBase.register(VirtualFile)


def make_streams(ns, descriptors):
    def raw(file, mode, closefd, opener):
        """A VirtualFile, or None when the file is the host's; then with what the host's `open` is to be given."""
        flags = raw_flags(mode)
        if isinstance(file, int):
            if descriptors.get(file) is None:
                return None, file, None
            return VirtualFile(descriptors, file, file, mode, closefd), None, None
        path = os.fspath(file)
        if opener is not None:
            fd = opener(file, flags)
            if not isinstance(fd, int):
                raise TypeError('expected integer from opener')
            if fd < 0:
                raise ValueError('opener returned %d' % fd)
            if descriptors.get(fd) is None:
                return None, file, lambda _path, _flags: fd
            return VirtualFile(descriptors, fd, path, mode, True), None, None
        if not closefd:
            raise ValueError('Cannot use closefd=False with file name')
        kind, where = ns.locate(path)
        if kind == 'host':
            return None, where if where != os.fsdecode(path) else file, None
        fd = descriptors.open(path, kind, where, flags, 0o666)
        if descriptors.get(fd).kind == 'directory':
            descriptors.close(fd)
            fail('EISDIR', path)
        return VirtualFile(descriptors, fd, path, mode, True), None, None

    def slow_open(file, mode, buffering, encoding, errors, newline, closefd, opener):
        if isinstance(file, int) and descriptors.get(file) is None:
            return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not isinstance(file, int):
            file = os.fspath(file)
        if not isinstance(mode, str):
            raise TypeError("open() argument 'mode' must be str, not " + type(mode).__name__)
        given = mode
        if 'U' in mode and sys.version_info < (3, 11):
            mode = _universal(mode)
        binary = 'b' in mode
        if not set(mode) <= set('rwxabt+') or len(set(mode)) != len(mode):
            raise ValueError('invalid mode: %r' % mode)
        if binary and 't' in mode:
            raise ValueError("can't have text and binary mode at once")
        if sum(c in mode for c in 'rwax') > 1:
            raise ValueError('must have exactly one of create/read/write/append mode')
        if binary:
            for name, value in ('an encoding', encoding), ('an errors', errors), ('a newline', newline):
                if value is not None:
                    raise ValueError("binary mode doesn't take %s argument" % name)
        if binary and buffering == 0:
            pass
        elif buffering == 0:
            raise ValueError("can't have unbuffered text I/O")
        made, host, host_opener = raw(file, mode.replace('b', '').replace('t', ''), closefd, opener)
        if made is None:
            return _real_open(host, mode, buffering, encoding, errors, newline, closefd, host_opener)
        try:
            lines = buffering == 1 and not binary
            if binary and buffering == 0:
                return made
            plain = buffering < 0 or buffering == 1
            size = _io.DEFAULT_BUFFER_SIZE if plain else buffering
            if '+' in mode:
                buffered = _io.BufferedRandom(made, size)
            elif 'r' in mode:
                device = descriptors.get(made.fileno()).kind == 'device'
                buffered = _io.BufferedReader(made, _READ_BUFFER if plain and not device else size)
            else:
                buffered = _io.BufferedWriter(made, size)
            if binary:
                return buffered
            text = _io.TextIOWrapper(buffered, encoding, errors, newline, lines)
            text.mode = given
            return text
        except BaseException:
            made.close()
            raise

    def open(_, file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if file.__class__ is str and file[:4] not in ns.special:
            try:
                return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
            except FileNotFoundError:
                if '..' not in file:
                    raise
        return slow_open(file, mode, buffering, encoding, errors, newline, closefd, opener)

    open = like_builtin(open, 'open', '_io', _real_open.__doc__)

    class FileIOType(type(_RealFileIO)):
        def __call__(cls, file, mode='r', closefd=True, opener=None):
            if cls is FileIO:
                made, host, host_opener = raw(file, mode.replace('b', ''), closefd, opener)
                return made if made is not None else _RealFileIO(host, mode, closefd, host_opener)
            return type.__call__(cls, file, mode, closefd, opener)

        def __instancecheck__(cls, value):
            return isinstance(value, (_RealFileIO, VirtualFile)) if cls is FileIO else type.__instancecheck__(cls, value)

    class FileIO(_RealFileIO, metaclass=FileIOType):
        __module__ = '_io'

    def open_code(_, path):
        return open(path, 'rb')

    return open, FileIO, like_builtin(open_code, 'open_code', '_io', _io.open_code.__doc__)
