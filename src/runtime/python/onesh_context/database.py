"""SQLite does its own input and output: a database of another machine is a copy here, written back at every commit, under a lock
that is a file beside it."""
import os
import re

from .namespace import CHUNK

# What opens a further file by its name, behind SQLite's comments.
_opens_another = re.compile(r'(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:ATTACH\b(?!.*:memory:)|VACUUM\b.*\bINTO\b)', re.I | re.S).match


def change_sqlite(ns, real_open):
    """What to do with the module `sqlite3` once it is imported."""

    def change(module):
        connect = module.connect
        shared = {}

        class Copy:
            """The local copy of one database, shared by the connections to it."""

            def __init__(self, path, given, timeout):
                self.path = path
                self.lock = path + '-onesh-lock'
                self.users = 0
                self.local = os.path.join(ns.directory, 'database-%d' % len(os.listdir(ns.directory)))
                self._take_lock(timeout)
                try:
                    self.content = self._fetch()
                except BaseException:
                    os.unlink(self.lock)
                    raise
                with real_open(self.local, 'wb') as copy:
                    copy.write(self.content)

            def _take_lock(self, timeout):
                import time
                until = time.monotonic() + timeout
                while True:
                    try:
                        os.close(os.open(self.lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                        return
                    except FileExistsError:
                        if time.monotonic() >= until:
                            raise module.OperationalError('database is locked') from None
                        time.sleep(0.05)
                    except OSError:
                        raise module.OperationalError('unable to open database file') from None

            def _fetch(self):
                try:
                    with open(self.path, 'rb') as file:
                        return file.read()
                except FileNotFoundError:
                    with open(self.path, 'xb'):
                        return b''

            def write_back(self):
                with real_open(self.local, 'rb') as copy:
                    now = copy.read()
                old = self.content
                if now == old:
                    return
                with open(self.path, 'r+b', 0) as file:
                    for at in range(0, len(now), CHUNK):
                        part = now[at:at + CHUNK]
                        if old[at:at + CHUNK] != part:
                            file.seek(at)
                            file.write(part)
                    if len(now) < len(old):
                        file.truncate(len(now))
                    os.fsync(file.fileno())
                self.content = now

            def release(self):
                self.users -= 1
                if self.users == 0:
                    shared.pop(self.path, None)
                    os.unlink(self.lock)
                    for suffix in '', '-wal', '-shm', '-journal':
                        try:
                            os.unlink(self.local + suffix)
                        except OSError:
                            pass

        def make_class(base, copy):
            class Connection(base):
                _copy = copy

                def _sync(self):
                    if self._copy is not None and not self.in_transaction:
                        if os.path.exists(self._copy.local + '-wal'):
                            base.execute(self, 'PRAGMA wal_checkpoint(TRUNCATE)')
                        self._copy.write_back()

                def close(self):
                    copy = self._copy
                    if copy is None:
                        return base.close(self)
                    self._copy = None
                    base.close(self)
                    try:
                        copy.write_back()
                    finally:
                        copy.release()

                def __exit__(self, *args):
                    result = base.__exit__(self, *args)
                    self._sync()
                    return result

                def __del__(self):
                    try:
                        self.close()
                    except Exception:
                        pass

                def cursor(self, factory=None):
                    made = base.cursor(self, factory or Cursor)
                    return made

            class Cursor(module.Cursor):
                pass

            def synced(name, owner, connection):
                run = getattr(owner, name)

                def call(self, *args, **kwargs):
                    if args and isinstance(args[0], str) and _opens_another(args[0]):
                        raise module.NotSupportedError('a second database cannot be opened beside one of another machine')
                    try:
                        return run(self, *args, **kwargs)
                    finally:
                        connection(self)._sync()

                call.__name__ = name
                return call

            for name in 'commit', 'rollback', 'execute', 'executemany', 'executescript':
                setattr(Connection, name, synced(name, base, lambda self: self))
            for name in 'execute', 'executemany', 'executescript':
                setattr(Cursor, name, synced(name, module.Cursor, lambda self: self.connection))
            Connection.__name__ = Connection.__qualname__ = base.__name__
            Connection.__module__ = base.__module__
            Cursor.__module__ = 'sqlite3'
            return Connection

        def context_connect(database, timeout=5.0, *args, **kwargs):
            name = os.fspath(database)
            text = os.fsdecode(name)
            if kwargs.get('uri') and text.startswith('file:'):
                if 'mode=memory' in text or text.startswith('file::memory:'):
                    return connect(database, timeout, *args, **kwargs)
                raise module.NotSupportedError('a database of another machine cannot be named by a URI')
            if text in ('', ':memory:'):
                return connect(database, timeout, *args, **kwargs)
            kind, where = ns.locate(name)
            if kind == 'host':
                return connect(where, timeout, *args, **kwargs)
            path = os.path.realpath(where)
            copy = shared.get(path)
            if copy is None:
                copy = shared[path] = Copy(path, name, timeout)
            copy.users += 1
            factory = kwargs.pop('factory', module.Connection)
            try:
                return connect(copy.local, timeout, *args, factory=make_class(factory, copy), **kwargs)
            except BaseException:
                copy.release()
                raise

        def close_all():
            for copy in list(shared.values()):
                try:
                    copy.write_back()
                finally:
                    copy.users = 1
                    copy.release()

        import atexit
        atexit.register(close_all)
        module.connect = module.dbapi2.connect = context_connect

    return change
