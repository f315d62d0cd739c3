"""Starts a Python program with its evaluation context: bootstrap.py KIND PROGRAM NAME [ARGUMENT ...].

KIND is file, module, command or stdin. PROGRAM is a path, a module's name or the text; NAME is what sys.argv[0] is to be.
"""
import sys

_here = sys.path[0] if not sys.flags.isolated else __file__.rpartition('/')[0]
if sys.path[:1] == [_here]:
    del sys.path[0]
sys.path.insert(0, _here)
from onesh_context import start  # noqa: E402
del sys.path[0]
start.main(_here, *sys.argv[1:4], sys.argv[4:])
