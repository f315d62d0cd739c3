"""The evaluation context of a Python program. It imports nothing but built-in modules: a program's own module may have any name."""
