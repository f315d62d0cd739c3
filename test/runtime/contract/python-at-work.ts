/** Whole Python programs, continued. */
import type { PythonProgram } from './python-programs.js';

const script = (
  name: string,
  text: string,
  files: Readonly<Record<string, string>> = {},
  stdin = '',
): PythonProgram => ({
  name,
  script: 'main.py',
  files: { 'main.py': text, ...files },
  stdin,
});

/** Programs of the standard library at work, children, sockets. */
export const pythonAtWork: readonly PythonProgram[] = [
  script(
    'csv',
    "import csv\nrows = list(csv.DictReader(open('rows.csv', newline='')))\nprint(rows)\nwith open('out.csv', 'w', newline='') as f:\n    w = csv.writer(f, dialect='excel-tab')\n    w.writerows([[r['b'], r['a']] for r in rows])\nprint(open('out.csv').read())\n",
    { 'rows.csv': 'a,b\n1,"x, y"\n2,"say ""z"""\n' },
  ),
  script(
    'sqlite3',
    "import sqlite3, os\ndb = sqlite3.connect('data.db')\ndb.execute('create table t (a integer primary key, b text)')\ndb.executemany('insert into t (b) values (?)', [('x',), ('ü',), (None,)])\ndb.commit()\ndb.close()\ndb = sqlite3.connect('data.db')\nprint(db.execute('select * from t order by a').fetchall(), os.path.getsize('data.db') > 0)\ntry: db.execute('select * from missing')\nexcept sqlite3.OperationalError as e: print(e)\ndb.close()\nos.unlink('data.db')\n",
  ),
  script(
    'http.server and urllib',
    "import http.server, threading, urllib.request, urllib.error\nclass Quiet(http.server.SimpleHTTPRequestHandler):\n    def log_message(self, *a): pass\nserver = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)\nthreading.Thread(target=server.serve_forever, daemon=True).start()\nbase = 'http://127.0.0.1:%d/' % server.server_address[1]\nprint(urllib.request.urlopen(base + 'page.html').read())\nprint(urllib.request.urlopen(base).read().count(b'<li>'))\ntry: urllib.request.urlopen(base + 'none')\nexcept urllib.error.HTTPError as e: print(e.code)\nserver.shutdown()\nserver.server_close()\n",
    { 'page.html': '<p>page</p>\n', 'sub/x': 'x' },
  ),
  script(
    'subprocess: run, check_output, errors',
    "import subprocess, os\nprint(subprocess.run(['cat', 'data', '-'], input=b'in', capture_output=True))\nprint(subprocess.check_output('echo $A; pwd | wc -l; exit 0', shell=True, text=True, env={**os.environ, 'A': 'grün'}))\nprint(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 3'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))\ntry: subprocess.run(['false'], check=True)\nexcept subprocess.CalledProcessError as e: print(e)\ntry: subprocess.run(['no-such-program'])\nexcept FileNotFoundError as e: print(e, e.filename)\ntry: subprocess.run(['true'], cwd='none')\nexcept FileNotFoundError as e: print(e.errno, e.filename)\ntry: subprocess.run(['./data'])\nexcept PermissionError as e: print(e)\nprint(subprocess.call(['test', '-f', 'data']), subprocess.getoutput('ls'))\n",
    { data: 'data\n' },
  ),
  script(
    'subprocess: pipes, signals, time limits',
    "import subprocess, signal\np = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\nprint(p.poll(), len(p.communicate(b'x' * 200000)[0]), p.returncode, p.poll())\np = subprocess.Popen(['sleep', '30'])\np.terminate()\nprint(p.wait(), p.returncode == -signal.SIGTERM)\ntry: subprocess.run(['sleep', '30'], timeout=0.2)\nexcept subprocess.TimeoutExpired as e: print(e.cmd)\nwith subprocess.Popen(['sh', '-c', 'read a; echo got $a; read b; echo and $b'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as p:\n    p.stdin.write('one\\n'); print(p.stdout.readline())\n    p.stdin.write('two\\n'); print(p.stdout.readline())\nprint(p.returncode)\n",
  ),
  script(
    'asyncio: subprocesses',
    "import asyncio, sys\nfrom asyncio.subprocess import PIPE, STDOUT, DEVNULL\nasync def main():\n    p = await asyncio.create_subprocess_exec('cat', 'data', '-', stdin=PIPE, stdout=PIPE)\n    print(await p.communicate(b'in'), p.returncode, p.pid > 0)\n    p = await asyncio.create_subprocess_shell('echo out; echo err >&2; exit 3', stdout=PIPE, stderr=STDOUT)\n    print((await p.stdout.read()), await p.wait())\n    p = await asyncio.create_subprocess_exec('sh', '-c', 'read a; echo got $a; read b; echo and $b', stdin=PIPE, stdout=PIPE)\n    p.stdin.write(b'one\\n'); print(await p.stdout.readline())\n    p.stdin.write(b'two\\n'); print(await p.stdout.readline(), await p.wait())\n    p = await asyncio.create_subprocess_exec('sleep', '30'); p.terminate(); print(await p.wait())\n    p = await asyncio.create_subprocess_exec('sleep', '30')\n    try: await asyncio.wait_for(p.wait(), 0.2)\n    except asyncio.TimeoutError: print('late', p.returncode); p.kill(); print(await p.wait())\n    try: await asyncio.create_subprocess_exec('no-such-program')\n    except FileNotFoundError as e: print(e.filename)\n    both = [await asyncio.create_subprocess_exec('sh', '-c', 'cat > /dev/null; wc -c < data; exit %d' % i, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) for i in range(3)]\n    print(await asyncio.gather(*(p.communicate(b'x' * 100000) for p in both)), [p.returncode for p in both])\nasyncio.run(main())\n",
    { data: 'data\n' },
  ),
  script(
    'subprocess: files and inherited streams, os.system, os.popen',
    "import subprocess, os, sys\nwith open('out', 'w') as out, open('data') as data:\n    print(subprocess.call(['tr', 'a-z', 'A-Z'], stdin=data, stdout=out), flush=True)\nprint(open('out').read(), flush=True)\nsubprocess.run(['echo', 'inherited'])\nsubprocess.run('echo both; echo lost >&2', shell=True, stderr=subprocess.DEVNULL)\nprint(os.system('exit 5'), os.popen('echo piped; cat data').read())\nopen('made.py', 'w').write('import sys; print(sys.argv[1:], open(\"data\").read())')\nprint(subprocess.check_output([sys.executable, 'made.py', 'arg'], text=True))\nos.mkdir('d')\nprint(subprocess.check_output('basename \"$PWD\"; echo x > file', shell=True, cwd='d', text=True), os.listdir('d'))\n",
    { data: 'some data\n' },
  ),
  script(
    'sockets of one program',
    "import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\ndef serve():\n    c, _ = s.accept()\n    with c, c.makefile('rw') as f:\n        for line in f:\n            f.write(line.upper()); f.flush()\nt = threading.Thread(target=serve); t.start()\nwith socket.create_connection(s.getsockname()) as c:\n    c.sendall(b'hello\\nthere\\n'); c.shutdown(socket.SHUT_WR)\n    print(c.makefile().read())\nt.join(); port = s.getsockname()[1]; s.close()\nprint(socket.socket().connect_ex(('127.0.0.1', port)) != 0)\ntry: socket.create_connection(('nowhere.invalid', 1))\nexcept OSError as e: print(type(e).__name__)\nu, v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nv.bind(('127.0.0.1', 0)); u.sendto(b'datagram', v.getsockname()); print(v.recvfrom(100)[0])\na, b = socket.socketpair(); a.send(b'pair'); print(b.recv(10))\n",
  ),
];
