"""The host's own calls, as they were before the context took their place."""
from posix import *  # noqa: F401,F403
from posix import _exit  # noqa: F401
