"""Installs the context and runs the program as `__main__`."""
import builtins
import _io
import io
import os
import posix
import sys

from . import guard, imports
from .calls import make_calls
from .channel import decode
from .descriptors import Descriptors
from .namespace import Namespace
from .sockets import change_socket
from .streams import make_streams

# The channel's descriptors go beyond what a program counts on.
_FIRST = 960


def _take_context():
    text = os.environ.pop('ONESH_CONTEXT')
    description = decode(text)
    for i, name in enumerate(('syncRequest', 'syncReply', 'channel')):
        fd = description[name]
        try:
            description[name] = posix.dup2(fd, _FIRST + i, False)
            posix.close(fd)
        except OSError:
            posix.set_inheritable(fd, False)
    # What Python itself must not read elsewhere is the program's again.
    for name, value in decode(os.environ.pop('ONESH_PYTHON', '{}')).items():
        os.environ[name] = value
    return description


def _own_directories(away):
    """Where the interpreter's modules are: they are the machine's."""
    listed = [p for p in sys.path if p]
    if not away:
        return listed
    return listed + [os.path.dirname(os.__file__), sys.prefix + '/lib/python3', '/usr/share/python3']


def install(context):
    description = _take_context()
    away = description['home'] != description['runtime']
    ns = Namespace(description, _own_directories(away), context)
    files = Descriptors(ns)
    calls = make_calls(ns, files)
    open, FileIO, open_code = make_streams(ns, files)
    real_open = _io.open
    for supported in os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids:
        for name, call in calls.items():
            if getattr(os, name, None) in supported:
                supported.add(call)
    changed = {id(getattr(posix, name)): call for name, call in calls.items()}
    changed[id(real_open)] = open
    _replace_copies(changed)
    # These keep the host's functions where no search finds them, as defaults of arguments: they are imported again.
    for name in 'tempfile', 'pathlib', 'shutil':
        sys.modules.pop(name, None)
    for name, call in calls.items():
        setattr(os, name, call)
        setattr(posix, name, call)
    builtins.open = io.open = _io.open = open
    io.open_code = _io.open_code = open_code
    io.FileIO = FileIO
    imports.install(ns, calls, FileIO, open_code)
    changes = {'socket': change_socket(ns)}
    if away:
        from .children import change_asyncio, change_subprocess, make_system
        from .database import change_sqlite
        from .native import change_dbm, change_ssl
        changes.update(_gdbm=change_dbm(ns), _dbm=change_dbm(ns), ssl=change_ssl(ns, open))
        changes.update(sqlite3=change_sqlite(ns, real_open), subprocess=change_subprocess(ns))
        changes['asyncio.unix_events'] = change_asyncio(ns)
        os.system = posix.system = make_system(ns, os.system)
        _add_paths()
        guard.install(ns)
    imports.after_import(changes)
    return ns


def _replace_copies(changed):
    """What was imported before this may have taken the host's functions by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith(('onesh_context', '_frozen_importlib')) or name in ('posix', '_io'):
            continue
        space = getattr(module, '__dict__', None)
        for key, value in list(space.items()) if space else ():
            call = changed.get(id(value))
            if call is not None:
                space[key] = call


def _add_paths():
    """PYTHONPATH and the user's own packages are the namespace's."""
    for at, entry in enumerate(p for p in os.environ.get('PYTHONPATH', '').split(':') if p):
        sys.path.insert(at, os.path.abspath(entry))
    if 'PYTHONNOUSERSITE' not in os.environ and not sys.flags.isolated:
        base = os.environ.get('PYTHONUSERBASE') or os.path.join(os.path.expanduser('~'), '.local')
        user = os.path.join(base, 'lib', 'python%d.%d' % sys.version_info[:2], 'site-packages')
        if os.path.isdir(user):
            sys.path.append(user)


def _without(trace, context):
    """A traceback without the context's own frames."""
    hidden = context + '/'
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(hidden):
        trace = trace.tb_next
    at = trace
    while at is not None:
        after = at.tb_next
        while after is not None and after.tb_frame.f_code.co_filename.startswith(hidden):
            after = after.tb_next
        at.tb_next = after
        at = after
    return trace


def _clean(error, context, seen):
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    error.__traceback__ = _without(error.__traceback__, context)
    _clean(error.__cause__, context, seen)
    _clean(error.__context__, context, seen)


def _path_entry(entry):
    if not getattr(sys.flags, 'safe_path', False) and not sys.flags.isolated:
        sys.path.insert(0, entry)


def _keep_lines(code, text):
    """From Python 3.13 on tracebacks show the lines of a command."""
    if sys.version_info < (3, 13):
        return
    import linecache
    key = code if hasattr(linecache, '_interactive_cache') else '<string>'
    linecache._register_code(key, text, '<string>')


def main(context, kind, program, name, args):
    ns = install(context)
    try:
        if kind == 'module':
            sys.argv = ['-m', *args]
            _path_entry(os.getcwd())
            import runpy
            runpy._run_module_as_main(program)
            return
        sys.argv = [name, *args]
        main_module = sys.modules['__main__']
        space = main_module.__dict__
        for left in [key for key in space if not key.startswith('__')]:
            del space[left]
        space.update(__doc__=None, __package__=None, __spec__=None, __loader__=None)
        if kind == 'command':
            space.pop('__file__', None)
            code = compile(program + '\n', '<string>', 'exec', dont_inherit=True)
            _keep_lines(code, program)
            _path_entry('')
        elif kind == 'stdin':
            _path_entry('')
            space.pop('__file__', None)
            code = compile(sys.stdin.buffer.read(), '<stdin>', 'exec', dont_inherit=True)
        else:
            import _frozen_importlib_external as external
            _path_entry(os.path.dirname(os.path.realpath(program)))
            space.update(__file__=program, __cached__=None, __loader__=external.SourceFileLoader('__main__', program))
            copy = os.path.join(ns.directory, 'program.py')
            with _io.open(copy if os.path.exists(copy) else program, 'rb') as file:
                text = file.read()
            code = compile(text, program, 'exec', dont_inherit=True)
        exec(code, space)
    except SystemExit:
        raise
    except BaseException as error:
        _clean(error, context, set())
        if sys.excepthook is sys.__excepthook__:
            # The interpreter's own would read the source lines from the host.
            import traceback
            traceback.print_exception(type(error), error, error.__traceback__)
        else:
            sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            import signal
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            posix.kill(posix.getpid(), signal.SIGINT)
        sys.exit(1)
