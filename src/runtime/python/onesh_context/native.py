"""C code that opens files by their path, unseen: it gets a copy of another machine's file where it only reads, else is refused."""
import errno
import os
import tempfile

import _io


def _refuse(path):
    raise OSError(errno.ENOSYS, 'a file of another machine cannot be opened this way', path)


def change_dbm(ns):
    """`_gdbm` and `_dbm`, which the modules of `dbm` are made of."""

    def change(module):
        host = module.open

        def open(filename, *args):
            kind, where = ns.locate(filename)
            return host(where, *args) if kind == 'host' else _refuse(filename)

        module.open = open

    return change


def change_ssl(ns, open):
    """Certificates and keys, which OpenSSL reads."""

    def is_far(path):
        return path is not None and ns.locate(path)[0] != 'host'

    def text_of(path):
        try:
            with open(path, 'rb') as source:
                return source.read()
        except OSError as error:
            failed = error
        # As OpenSSL has it: without the name.
        raise OSError(failed.errno, failed.strerror)

    def change(module):
        base = module.SSLContext
        load_chain, load_locations = base.load_cert_chain, base.load_verify_locations

        def load_cert_chain(self, certfile, keyfile=None, password=None):
            copies = []

            def near(path):
                if not is_far(path):
                    return path
                # Nobody else may read a key.
                fd, copy = tempfile.mkstemp(dir=ns.directory)
                copies.append(copy)
                with _io.open(fd, 'wb') as target:
                    target.write(text_of(path))
                return copy

            try:
                return load_chain(self, near(certfile), near(keyfile), password)
            finally:
                for copy in copies:
                    os.unlink(copy)

        def load_verify_locations(self, cafile=None, capath=None, cadata=None):
            if is_far(capath):
                _refuse(capath)
            if is_far(cafile):
                load_locations(self, cadata=text_of(cafile).decode('ascii'))
                cafile = None
                if capath is None and cadata is None:
                    return
            load_locations(self, cafile, capath, cadata)

        base.load_cert_chain, base.load_verify_locations = load_cert_chain, load_verify_locations

    return change
