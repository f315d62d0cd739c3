"""The program's side of the system-call channel: frames of JSON and bytes on two blocking descriptors.

    u32 length of the rest | u32 length of the JSON | JSON | bytes        (big endian)

Several threads may call at once: whoever waits first reads for all, and hands on to another when its own answer is there.
"""
import errno
from _json import encode_basestring_ascii as quoted, make_scanner
from _thread import allocate_lock, get_ident

from . import host


class _Decoding:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}


_scan = make_scanner(_Decoding)


def encode(value):
    """JSON text of what a request is made of."""
    if value is True:
        return 'true'
    if value is False:
        return 'false'
    if value is None:
        return 'null'
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return '{' + ','.join(quoted(k) + ':' + encode(v) for k, v in value.items()) + '}'
    return '[' + ','.join(map(encode, value)) + ']'


def decode(text):
    return _scan(text, 0)[0]


class CallError(Exception):
    """What the runtime says of a call that failed."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Waiter:
    def __init__(self):
        self.lock = allocate_lock()
        self.lock.acquire()
        self.answer = None


class Channel:
    def __init__(self, request, reply):
        self._request = request
        self._reply = reply
        self._next = 1
        self._writing = allocate_lock()
        self._state = allocate_lock()
        self._waiting = {}
        self._reading = False
        self._pid = host.getpid()
        # Threads that are in a call. A finalizer or a signal's handler may run there and want to make another.
        self._busy = set()
        self._later = []

    def call(self, name, args, data=b''):
        """Blocks until the call is answered; gives its value and bytes."""
        if host.getpid() != self._pid:
            raise OSError(errno.ENOSYS, 'files of another machine are not available in a forked process')
        me = get_ident()
        if me in self._busy:
            # What a file that is no longer used still had to write, and its end, can wait.
            if name in ('device.write', 'device.close') or name == 'file' and args[0]['type'] in ('file.write', 'file.close'):
                self._later.append((name, args, data))
                return {'size': len(data)}, b''
            raise RuntimeError('reentrant call inside ' + name)
        self._busy.add(me)
        try:
            return self._call(name, args, data)
        finally:
            self._busy.discard(me)
            while self._later:
                try:
                    self.call(*self._later.pop(0))
                except CallError:
                    pass

    def _call(self, name, args, data):
        waiter = _Waiter()
        with self._writing:
            number = self._next
            self._next += 1
            with self._state:
                self._waiting[number] = waiter
                leader = not self._reading
                self._reading = True
            head = encode({'id': number, 'call': name, 'args': args}).encode('ascii')
            size = len(data)
            self._write(b''.join(((4 + len(head) + size).to_bytes(4, 'big'), len(head).to_bytes(4, 'big'), head, data)))
        while not leader and waiter.answer is None:
            waiter.lock.acquire()
            leader = waiter.answer is None
        if leader:
            self._lead(waiter)
        head, data = waiter.answer
        error = head.get('error')
        if error is not None:
            raise CallError(error['code'], error['message'])
        return head.get('value'), data

    def _lead(self, mine):
        try:
            while mine.answer is None:
                head, data = self._receive()
                with self._state:
                    waiter = self._waiting.pop(head['id'], None)
                if waiter is not None:
                    waiter.answer = head, data
                    if waiter is not mine:
                        waiter.lock.release()
        finally:
            with self._state:
                heir = next(iter(self._waiting.values()), None)
                self._reading = heir is not None
            if heir is not None:
                heir.lock.release()

    def _write(self, frame):
        view = memoryview(frame)
        while view:
            view = view[host.write(self._request, view):]

    def _receive(self):
        content = self._exactly(int.from_bytes(self._exactly(4), 'big'))
        length = int.from_bytes(content[:4], 'big')
        return decode(content[4:4 + length].decode('utf-8', 'surrogatepass')), content[4 + length:]

    def _exactly(self, length):
        parts = []
        while length > 0:
            part = host.read(self._reply, min(length, 1 << 20))
            if not part:
                host._exit(1)  # the runtime is gone
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b''.join(parts)
