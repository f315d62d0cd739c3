"""Open files of another machine. Each has a descriptor of this process, so that numbers are given as the kernel gives them; it
is one that the host can neither read nor write: a call that does not come through here fails."""
import errno
import os

from . import host
from .namespace import CHUNK, fail, refuse

_flags = ('O_APPEND', 'O_CREAT', 'O_DIRECTORY', 'O_DSYNC', 'O_EXCL', 'O_NOATIME', 'O_NOFOLLOW', 'O_SYNC', 'O_TRUNC')
_whence = {0: 'set', 1: 'current', 2: 'end'}


def flag_names(flags):
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    names = ['O_RDWR' if access & os.O_RDWR else 'O_WRONLY' if access & os.O_WRONLY else 'O_RDONLY']
    for name in _flags:
        bit = getattr(os, name, 0)
        if bit and flags & bit == bit and not (name == 'O_DSYNC' and flags & os.O_SYNC == os.O_SYNC):
            names.append(name)
    return names


class Description:
    """An open file description: shared by descriptors that are copies of each other."""

    def __init__(self, handle, kind, path, flags):
        self.handle = handle
        self.kind = kind
        self.path = path
        self.readable = not flags & os.O_WRONLY
        self.writable = bool(flags & (os.O_WRONLY | os.O_RDWR))
        self.users = 0


class Descriptors:
    def __init__(self, namespace):
        self.ns = namespace
        self.open_files = {}

    # --- opening and closing ---

    def _place(self, description):
        fd = host.open('/', getattr(os, 'O_PATH', os.O_RDONLY) | os.O_CLOEXEC)
        description.users += 1
        self.open_files[fd] = description
        return fd

    def open(self, given, kind, path, flags, mode):
        ns = self.ns
        unnamed = getattr(os, 'O_TMPFILE', 0)
        if unnamed and flags & unnamed == unnamed:
            # As a kernel that has it not; `tempfile` then takes a name.
            fail('EISDIR', given)
        if kind == 'device':
            if flags & os.O_RDWR:
                refuse('reading and writing at once', given)
            way = 'write' if flags & os.O_WRONLY else 'read'
            handle = ns.device((given,), 'open', path, way)[0]
            return self._place(Description(handle, 'device', path, flags))
        reply = ns.ask((given,), 'open', path=path, flags=flag_names(flags), mode=mode & ~ns.mask & 0o7777)[0]
        return self._place(Description(reply['handle'], reply['kind'], path, flags))

    def get(self, fd):
        return self.open_files.get(fd)

    def close(self, fd):
        description = self.open_files.pop(fd)
        host.close(fd)
        description.users -= 1
        if description.users == 0:
            if description.kind == 'device':
                self.ns.device((), 'close', description.handle)
            else:
                self.ns.ask((), 'close', handle=description.handle)

    def dup(self, fd):
        return self._place(self.open_files[fd])

    def dup2(self, fd, target, inheritable):
        description = self.open_files[fd]
        if fd == target:
            return target
        description.users += 1
        if target in self.open_files:
            self.close(target)
        host.dup2(fd, target, inheritable)
        self.open_files[target] = description
        return target

    # --- reading and writing ---

    def read(self, fd, length, offset=None):
        d = self.open_files[fd]
        if not d.readable:
            fail('EBADF')
        if d.kind == 'directory':
            fail('EISDIR')
        if d.kind == 'device':
            return bytes(self.ns.device((), 'read', d.handle, length)[1])
        parts = []
        while True:
            part = min(length, CHUNK)
            where = {} if offset is None else {'offset': offset}
            data = self.ns.ask((), 'read', handle=d.handle, length=part, **where)[1]
            parts.append(data)
            length -= len(data)
            # Less than was asked is the end, or all there is just now.
            if length <= 0 or len(data) < part:
                return parts[0] if len(parts) == 1 else b''.join(parts)
            if offset is not None:
                offset += len(data)

    def write(self, fd, data, offset=None):
        d = self.open_files[fd]
        if not d.writable:
            fail('EBADF')
        view = memoryview(data).cast('B')
        size = len(view)
        done = 0
        while True:
            part = view[done:done + CHUNK]
            if d.kind == 'device':
                self.ns.device((), 'write', d.handle, data=bytes(part))
            else:
                where = {} if offset is None else {'offset': offset + done}
                self.ns.ask((), 'write', handle=d.handle, data=bytes(part), **where)
            done += len(part)
            if done >= size:
                return size

    def seek(self, fd, offset, whence):
        d = self.open_files[fd]
        if d.kind == 'device':
            fail('ESPIPE')
        if whence not in _whence:
            fail('EINVAL')
        return self.ns.ask((), 'seek', handle=d.handle, offset=offset, whence=_whence[whence])[0]['position']

    def ask(self, fd, kind, **fields):
        """A request about an open file."""
        d = self.open_files[fd]
        if d.kind == 'device':
            fail('EINVAL')
        return self.ns.ask((), kind, handle=d.handle, **fields)[0]


def check_descriptor(fd):
    if isinstance(fd, bool) or not isinstance(fd, int):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
