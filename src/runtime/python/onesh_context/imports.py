"""Modules of the namespace: Python's own import machinery, given the context's files instead of the host's."""
import sys

import _frozen_importlib_external as external
import _imp
import _io
import os
import posix


class _Shim:
    """A module with some of its functions replaced."""

    def __init__(self, module, **changed):
        self.__dict__.update(module.__dict__)
        self.__dict__.update(changed)


def install(ns, calls, FileIO, open_code):
    changed = {name: calls[name] for name in ('stat', 'listdir', 'getcwd', 'open', 'replace', 'unlink', 'mkdir') if name in calls}
    external._os = _Shim(posix, **changed)
    external._io = _Shim(_io, FileIO=FileIO, open_code=open_code)
    zipimport = sys.modules.get('zipimport')
    if zipimport is not None:
        zipimport._io = external._io

    loader = external.ExtensionFileLoader
    create = loader.create_module

    def create_module(self, spec):
        """A compiled module is loaded from a copy on this machine."""
        kind, where = ns.locate(spec.origin)
        if kind == 'host':
            return create(self, spec)
        copy = os.path.join(ns.directory, spec.name + '-' + os.path.basename(where))
        with open_code(spec.origin) as source, _io.FileIO(copy, 'w') as target:
            target.write(source.read())
        local = external.spec_from_file_location(spec.name, copy, loader=self) if hasattr(external, 'spec_from_file_location') else spec
        return _imp.create_dynamic(local)

    loader.create_module = create_module


def after_import(changes):
    """Changes modules by name, now where they are there already."""
    for name in [name for name in changes if name in sys.modules]:
        changes.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, AfterImport(changes))


class AfterImport:
    """Runs `change(module)` once the module of that name has been imported."""

    def __init__(self, changes):
        self.changes = changes

    def find_spec(self, name, path=None, target=None):
        change = self.changes.pop(name, None)
        if change is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                change(module)

            spec.loader.exec_module = exec_module
            return spec
        return None
