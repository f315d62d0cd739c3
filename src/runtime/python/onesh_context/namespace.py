"""The namespace as the program sees it: whose a path is, and requests to who provides it."""
import errno
import os

from . import host
from .channel import CallError, Channel

_strerror = host.strerror
CHUNK = 256 << 10

# In /dev, every machine's own.
_everywhere = {'/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty', '/dev/stdin', '/dev/stdout',
               '/dev/stderr', '/dev/ptmx'}
_everywhere_below = ('/dev/fd/', '/dev/pts/', '/dev/shm/', '/proc/self/')


# From there to all of the machine.
_leads_out = ('/proc/self/root', '/proc/self/cwd', '/proc/self/task')


class Everything:
    """A set that has every member."""

    def __contains__(self, _):
        return True


def fail(code, *names):
    """The OSError that the host's own call would raise."""
    number = getattr(errno, code, errno.EIO)
    text = _strerror(number)
    if len(names) == 2:
        raise OSError(number, text, names[0], None, names[1]) from None
    raise OSError(number, text, *names) from None


def refuse(what, *names):
    raise OSError(errno.ENOSYS, what + ' is not available for a file of another machine', *names) from None


class Namespace:
    def __init__(self, description, own, context):
        self.home = description['home']
        self.runtime = description['runtime']
        self.same_host = self.home == self.runtime
        self.confined = description['confined'] and not self.same_host
        self.cwd = description['cwd']
        self.devices = description['devices']
        self.directory = description['directory']
        # Python's own installation and this context's files are the machine's.
        self.own = tuple(sorted({p.rstrip('/') + '/' for p in (*own, context, self.directory)}))
        self.channel = Channel(description['syncRequest'], description['syncReply'])
        self.in_cwd = description['inCwd']
        mask = host.umask(0)
        host.umask(mask)
        self.mask = mask
        self.special = None
        self.choose()

    def choose(self):
        """At home a look at its beginning tells of nearly every path that it is the host's."""
        self.special = frozenset(('/net', '/dev', '//ne', '//de')) if self.same_host and self.in_cwd else Everything()

    def absolute(self, text):
        if text.startswith('/'):
            return text
        return self.cwd.rstrip('/') + '/' + text

    def locate(self, path):
        """Text of a path (str or bytes), and whose it is: ('host' | 'remote' | 'device', path there)."""
        text = os.fsdecode(path)
        if text == '':
            fail('ENOENT', path)
        if '\0' in text:
            raise ValueError('embedded null byte')
        full = self.absolute(text)
        plain = os.path.normpath(full)
        if plain.startswith('//'):
            plain = plain[1:]
        if plain == '/net' or plain.startswith('/net/'):
            parts = plain.split('/', 3)
            if len(parts) > 2 and parts[2] == self.runtime and not self.confined:
                rest = full.partition(parts[2])[2] if '..' not in full else '/' + '/'.join(parts[3:])
                return 'host', rest or '/'
            return 'remote', plain if '..' in full or full.startswith('//') else full
        if plain.startswith('/dev/'):
            if plain in _everywhere or plain.startswith(_everywhere_below):
                return 'host', plain
            name = plain[5:]
            if name in self.devices and (self.devices[name] == self.runtime or not self.same_host or not self.exists(plain)):
                return 'device', plain
        if self.same_host:
            return 'host', full if text[:1] != '/' else text
        if plain.startswith('/proc/self/') and not plain.startswith(_leads_out):
            return 'host', plain
        if (plain + '/').startswith(self.own):
            return 'host', full
        return 'remote', full

    def exists(self, path):
        try:
            host.stat(path)
            return True
        except OSError:
            return False

    def ask(self, names, kind, data=b'', **fields):
        """One file request. `names` are the paths an error tells of."""
        fields['type'] = 'file.' + kind
        try:
            return self.channel.call('file', [fields], data)
        except CallError as error:
            code = error.code
        fail(code, *names)

    def device(self, names, call, *args, data=b''):
        try:
            return self.channel.call('device.' + call, list(args), data)
        except CallError as error:
            code = error.code
        fail(code, *names)
