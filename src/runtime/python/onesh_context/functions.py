"""Functions that take the place of functions written in C."""
import types


class _Owner:
    """What such functions are bound to, as those in C are to their module. So they become no methods of a class that keeps
    them (as `pathlib` does up to Python 3.10), and pickle finds them by their name. Each is given it, and has no use for it."""

    def __init__(self, module):
        self.module = module

    def __reduce__(self):
        return __import__, (self.module,)


_owners = {name: _Owner(name) for name in ('posix', '_io', '_socket')}


def like_builtin(function, name, module='posix', doc=None):
    """`function(_, …)` as the function `name(…)` of `module`."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = doc
    return types.MethodType(function, _owners[module])
