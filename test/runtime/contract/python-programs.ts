/** Whole Python programs: files, modules of the standard library, commands; each in a tree of its own. */
export interface PythonProgram {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  /** One of these is what runs. */
  readonly script?: string;
  readonly module?: string;
  readonly command?: string;
  readonly options?: readonly string[];
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export const pythonPrograms: readonly PythonProgram[] = [
  {
    name: 'neighbours, arguments, names',
    script: 'main.py',
    args: ['a', '-x', 'b c'],
    files: {
      'main.py':
        'import sys, os\nimport helper\nfrom pkg import thing\nprint(sys.argv[1:], __name__, __file__, __package__, __spec__, __doc__, helper.where, thing.x, sys.path[0] == os.path.dirname(__file__), sorted(k for k in globals() if k.startswith("_")))\n',
      'helper.py': 'import __main__\nwhere = __name__, hasattr(__main__, "__file__")\n',
      'pkg/__init__.py': '',
      'pkg/thing.py': 'x = 5\n',
    },
  },
  {
    name: 'an uncaught exception',
    script: 'main.py',
    files: {
      'main.py': 'import lib\n\ndef f():\n    lib.g()\n\nf()\n',
      'lib.py': 'def g():\n    open("/no/such/file")\n',
    },
  },
  {
    name: 'an exception caused by another',
    script: 'main.py',
    files: {
      'main.py': 'try:\n    open("none")\nexcept OSError as e:\n    raise RuntimeError("wrapped") from e\n',
    },
  },
  { name: 'a syntax error', script: 'main.py', files: { 'main.py': 'print(1)\nif:\n' } },
  { name: 'an exit status', script: 'main.py', files: { 'main.py': 'import sys\nprint("x")\nsys.exit(3)\n' } },
  { name: 'an exit message', script: 'main.py', files: { 'main.py': 'import sys\nsys.exit("gone")\n' } },
  {
    name: 'a mode of its own for source text',
    script: 'main.py',
    files: {
      'main.py':
        '# -*- coding: latin-1 -*-\nfrom __future__ import annotations\nx: Foo = "y"\nprint(x, __annotations__)\n',
    },
  },
  {
    name: 'standard input',
    script: 'main.py',
    stdin: 'one\ntwo\n',
    files: { 'main.py': 'import sys\nfor line in sys.stdin: print(line.strip().upper())\n' },
  },
  {
    name: 'at exit, and threads still running',
    script: 'main.py',
    files: {
      'main.py':
        'import atexit, threading, time\natexit.register(lambda: open("bye", "w").write("x"))\ndef work():\n    time.sleep(0.1)\n    print("thread", flush=True)\nthreading.Thread(target=work).start()\nprint("main", flush=True)\n',
    },
  },
  {
    name: 'compiled modules are kept beside their source',
    environment: { PYTHONDONTWRITEBYTECODE: '' },
    script: 'main.py',
    files: {
      'main.py': 'import lib, os\nprint(len(os.listdir("__pycache__")))\nimport shutil\nshutil.rmtree("__pycache__")\n',
      'lib.py': 'x=1\n',
    },
  },
  {
    name: 'PYTHONPATH',
    script: 'bin/main.py',
    environment: { PYTHONPATH: 'lib' },
    files: { 'bin/main.py': 'import os, far\nprint(far.x, os.environ["PYTHONPATH"])\n', 'lib/far.py': 'x = "far"\n' },
  },
  {
    name: 'a name of the standard library is the program’s',
    script: 'main.py',
    files: {
      'main.py': 'import json, uuid\nprint(json.mine, uuid.mine)\n',
      'json.py': 'mine = 1\n',
      'uuid.py': 'mine = 2\n',
    },
  },
  {
    name: 'a command',
    command: 'import sys; print(sys.argv, sys.path[0] == "", open("f").read())',
    args: ['1', '2'],
    files: { f: 'text' },
  },
  { name: 'a command that fails', command: 'def f(): return 1/0\nf()' },
  {
    name: 'options of the interpreter',
    options: ['-O', '-u'],
    command: 'import sys; print(sys.flags.optimize, __debug__)',
  },
  {
    name: 'json.tool',
    module: 'json.tool',
    args: ['in.json', 'out.json'],
    files: { 'in.json': '{"b":[1,2],"a":null}' },
  },
  { name: 'json.tool of standard input', module: 'json.tool', stdin: '{"a": 1' },
  {
    name: 'a package of its own with -m',
    module: 'tool',
    args: ['x'],
    files: {
      'tool/__init__.py': '',
      'tool/__main__.py': 'import sys\nfrom . import part\nprint(sys.argv[1:], part.x, __package__, __spec__.name)\n',
      'tool/part.py': 'x = 1\n',
    },
  },
  { name: 'tarfile makes', module: 'tarfile', args: ['-l', 'a.tar'], files: { 'a.tar': '' } },
  { name: 'zipfile lists', module: 'zipfile', args: ['-t', 'none.zip'], files: { x: '' } },
  { name: 'base64', module: 'base64', args: ['-e', 'f'], files: { f: 'some bytes' } },
  {
    name: 'unittest finds',
    module: 'unittest',
    args: ['discover', '-q', '-s', 't'],
    files: {
      't/test_x.py':
        'import unittest\nclass T(unittest.TestCase):\n    def test(self): print(open(__file__).read().count("T"))\n',
    },
  },
  {
    name: 'compileall',
    module: 'compileall',
    args: ['-q', '-b', '--invalidation-mode', 'unchecked-hash', 'lib'],
    files: { 'lib/a.py': 'x=1\n' },
  },
  { name: 'calendar', module: 'calendar', args: ['2024', '2'] },
  { name: 'tokenize', module: 'tokenize', args: ['f.py'], files: { 'f.py': 'x = 1\n' } },
  { name: 'ast', module: 'ast', args: ['f.py'], files: { 'f.py': 'x = 1\n' } },
  { name: 'gzip', module: 'gzip', args: ['-d', 'none.gz'] },
  { name: 'py_compile of an error', module: 'py_compile', args: ['bad.py'], files: { 'bad.py': 'x =\n' } },
];
