"""Elsewhere than at home: what would reach the host behind the context's back is refused, loudly."""
import errno
import os
import sys

_spawns = {'subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.forkpty', 'pty.spawn'}


def install(ns):
    # Python's own folders, whatever name leads to them.
    own = ns.own + tuple(os.path.realpath(p) + '/' for p in (sys.prefix, sys.base_prefix, sys.exec_prefix) if p not in ('/', '/usr'))

    def hook(event, args):
        if event == 'open':
            path = args[0]
            if not isinstance(path, (str, bytes)):
                return
            text = os.fsdecode(path)
            if text == '/' or (text + '/').startswith(own):
                return
            if ns.locate(text)[0] == 'host' and text.startswith('/'):
                return
            raise OSError(errno.ENOSYS, 'a file of another machine cannot be opened this way', path)
        if event in _spawns:
            raise OSError(errno.ENOSYS, event + ': programs are not started from another machine than the session\'s')

    sys.addaudithook(hook)
