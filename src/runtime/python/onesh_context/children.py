"""`subprocess` away from home: a child runs on the machine that has its working directory, an agent of its own; its streams are
bridged by threads, between the pipes that `subprocess` makes and the runtime."""
import errno
import os
import sys
import threading

from .channel import CallError
from .functions import like_builtin
from .namespace import fail


def change_subprocess(ns):
    """What to do with the module `subprocess` once it is imported."""

    def call(name, args, data=b''):
        try:
            return ns.channel.call(name, args, data)
        except CallError as error:
            fail(error.code)

    def change(module):
        import select
        import signal
        Popen = module.Popen
        execute, poll, wait, send = Popen._execute_child, Popen._internal_poll, Popen._wait, Popen.send_signal

        class Child:
            """A child elsewhere, and the threads that move its bytes."""

            def __init__(self, answer, fds, piped):
                self.agent = answer['agent']
                self.ended = threading.Event()
                self.returncode = None
                stdin, stdout, stderr = answer['handles'][:3]
                self.over = os.pipe()
                self._start(self._feed, stdin, os.dup(fds[0]))
                # What goes to a file, or where the parent's own output goes, is there once the child has been waited for.
                threads = [self._start(self._drain, handle, os.dup(fd)) for handle, fd in ((stdout, fds[1]), (stderr, fds[2]))]
                self.outputs = [thread for thread, pipe in zip(threads, piped) if not pipe]
                self._start(self._await)

            def _start(self, run, *args):
                thread = threading.Thread(target=run, args=args, daemon=True)
                thread.start()
                return thread

            def _feed(self, handle, fd):
                try:
                    while True:
                        try:
                            ready = select.select([fd, self.over[0]], [], [])[0]
                        except (OSError, ValueError):
                            ready = [fd]  # a file of another machine
                        if self.over[0] in ready:
                            break
                        data = os.read(fd, 65536)
                        if not data:
                            break
                        call('device.write', [handle], data)
                except OSError:
                    pass  # the child reads no more
                finally:
                    os.close(fd)
                    self._finish(handle)

            def _finish(self, handle):
                try:
                    call('device.close', [handle])
                except OSError:
                    pass

            def _drain(self, handle, fd):
                try:
                    while True:
                        data = call('device.read', [handle, 65536])[1]
                        if not data:
                            break
                        while data:
                            data = data[os.write(fd, data):]
                except OSError:
                    pass  # nobody reads it
                finally:
                    os.close(fd)
                    self._finish(handle)

            def _await(self):
                try:
                    report = call('process.wait', [self.agent])[0]
                except OSError:
                    report = {'signal': 'SIGKILL'}
                name = report.get('signal')
                self.returncode = report.get('status', 0) if name is None else -getattr(signal, name, signal.SIGKILL)
                os.write(self.over[1], b'.')
                for thread in self.outputs:
                    thread.join()
                self.ended.set()

        def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
                           p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest):
            where = os.path.abspath(os.fsdecode(cwd)) if cwd is not None else os.getcwd()
            if ns.locate(where)[0] == 'host':
                return execute(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
                               p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *rest)
            if preexec_fn is not None or pass_fds:
                raise OSError(errno.ENOSYS, 'preexec_fn and pass_fds are not available for a child on another machine')
            words = [args] if isinstance(args, (str, bytes)) or hasattr(args, '__fspath__') else list(args)
            words = [os.fsdecode(word) for word in words]
            if shell:
                words = ['/bin/sh', '-c', *words]
            program = os.fsdecode(executable) if executable is not None else words[0]
            if program == sys.executable:
                program = 'python3'  # every machine has its own
            if cwd is not None:
                os.stat(cwd)
            merged = errwrite != -1 and errwrite == (c2pwrite if c2pwrite != -1 else 1)
            command = ['/bin/sh', '-c', 'exec "$@" 2>&1', words[0], program, *words[1:]] if merged else words
            mask = os.umask(0)
            os.umask(mask)
            spec = {
                'command': command[0] if merged else program,
                'args': command[1:],
                'argv0': command[0],
                'cwd': where,
                'env': {os.fsdecode(k): os.fsdecode(v) for k, v in (os.environ if env is None else env).items()},
                'umask': mask,
                'pipes': [True, True, True],
            }
            answer = call('process.spawn', [spec])[0]
            if 'failed' in answer:
                fail(answer['failed'], program)
            self.pid = answer['pid']
            self._child_created = True
            fds = [own if fd == -1 else fd for own, fd in enumerate((p2cread, c2pwrite, errwrite))]
            self._elsewhere = Child(answer, fds, (c2pread != -1, errread != -1))
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

        def elsewhere(self):
            return getattr(self, '_elsewhere', None)

        def _internal_poll(self, *args, **given):
            child = elsewhere(self)
            if child is None:
                return poll(self, *args, **given)
            if self.returncode is None and child.ended.is_set():
                self.returncode = child.returncode
            return self.returncode

        def _wait(self, timeout):
            child = elsewhere(self)
            if child is None:
                return wait(self, timeout)
            if not child.ended.wait(timeout):
                raise module.TimeoutExpired(self.args, timeout)
            self.returncode = child.returncode
            return self.returncode

        def send_signal(self, sig):
            child = elsewhere(self)
            if child is None:
                return send(self, sig)
            if self.poll() is None:
                try:
                    call('process.signal', [child.agent, signal.Signals(sig).name])
                except ProcessLookupError:
                    pass

        for method in _execute_child, _internal_poll, _wait, send_signal:
            setattr(Popen, method.__name__, method)

    return change


def change_asyncio(ns):
    """What to do with `asyncio.unix_events` once it is imported: nobody here can wait for a process elsewhere but its thread."""

    def change(module):
        Loop = module._UnixSelectorEventLoop
        make = Loop._make_subprocess_transport

        class Transport(module._UnixSubprocessTransport):
            def _start(self, *args, **given):
                super()._start(*args, **given)
                self._elsewhere = getattr(self._proc, '_elsewhere', None)

        async def _make_subprocess_transport(self, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=None, **given):
            cwd = given.get('cwd')
            if ns.locate(os.getcwd() if cwd is None else os.path.abspath(os.fsdecode(cwd)))[0] == 'host':
                return await make(self, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=extra, **given)
            waiter = self.create_future()
            transport = Transport(
                self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **given)
            child = transport._elsewhere

            def report():
                child.ended.wait()
                try:
                    self.call_soon_threadsafe(transport._process_exited, child.returncode)
                except RuntimeError:
                    pass  # the loop is closed

            threading.Thread(target=report, daemon=True).start()
            try:
                await waiter
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException:
                transport.close()
                await transport._wait()
                raise
            return transport

        Loop._make_subprocess_transport = _make_subprocess_transport

    return change


def make_system(ns, real):
    """`os.system`, on the machine that has the working directory."""

    def system(_, command):
        if ns.locate(os.getcwd())[0] == 'host':
            return real(command)
        import subprocess
        status = subprocess.call(command, shell=True)
        return -status if status < 0 else status << 8

    return like_builtin(system, 'system', doc=real.__doc__)
