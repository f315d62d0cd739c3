/** The WASI contract's files, what is expected where Node's own WASI is wrong, and runs of `wasi/tool.c`. */
export const wasiFixture: Readonly<Record<string, string>> = {
  file: 'hello world\nsecond line\n',
  blank: '',
  'dir/a': 'A',
  'dir/b': 'B\n',
  'dir/sub/c': 'C',
  'link@': 'file',
  'dirlink@': 'dir',
  'dangling@': 'nowhere',
  'loop@': 'loop',
};

/** By the case's name. Node's WASI is not asked for these: some of them end it, or never end. */
export const spec: Readonly<Record<string, string>> = {
  write_exclusive: [
    'open("file", O_WRONLY | O_CREAT | O_EXCL, 0666): File exists\n',
    'open("fresh", O_WRONLY | O_CREAT | O_EXCL, 0666): ok\n',
    'open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0666): File exists\n',
  ].join(''),
  open_no_follow: [
    'open("link", O_RDONLY | O_NOFOLLOW): Symbolic link loop\n',
    'open("file", O_RDONLY | O_NOFOLLOW): ok\n',
  ].join(''),
  open_empty: ['openat(open(".", O_RDONLY | O_DIRECTORY), "", O_RDONLY): No such file or directory\n'].join(''),
  open_at: [
    '1<C>\n',
    'openat(d, "file", O_RDONLY): No such file or directory\n',
    'openat(fd, "c", O_RDONLY): Not a directory\n',
  ].join(''),
  flags_of_descriptor: ['1\n', 'fcntl(fd, F_SETFL, 0): ok\n', '0\n', '1\n', '1\n'].join(''),
  times_of_path: [
    'utimensat(AT_FDCWD, "file", t, 0): ok\n',
    '1000000000.000000000 1100000000.500000000\n',
    'utimensat(AT_FDCWD, "missing", t, 0): No such file or directory\n',
  ].join(''),
  // Node's is exact to a microsecond.
  times_to_the_nanosecond: [
    'utimensat(AT_FDCWD, "file", t, 0): ok\n',
    '1700000000.123456789 1700000001.987654321\n',
    'utimensat(AT_FDCWD, "link", u, AT_SYMLINK_NOFOLLOW): ok\n',
    '1.000000001 1999999999.999999999\n',
    '1700000000.123456789 1700000001.987654321\n',
    'utimensat(AT_FDCWD, "dirlink", t, 0): ok\n',
    '1700000000.123456789 1700000001.987654321\n',
    'utimensat(AT_FDCWD, "file", only, 0): ok\n',
    '1700000000.123456789 1400000000.000000003\n',
  ].join(''),
  times_of_descriptor_to_the_nanosecond: [
    'futimens(fd, t): ok\n',
    '1700000000.123456789 1700000001.987654321\n',
    '123456789 987654321\n',
    'futimens(d, t): ok\n',
    '1700000000.123456789 1700000001.987654321\n',
    '__wasi_fd_filestat_set_times(3, 5, 1111111111111111111, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM): 0\n',
    '__wasi_fd_filestat_get(3, &own): 0\n',
    '5 1111111111111111111\n',
  ].join(''),
  list_has_dots_and_inodes: ['2 dots, 5 right\n'].join(''),
  link_symbolic: [
    'symlink("dir/a", "new"): ok\n',
    'new| A\n',
    'symlink("x", "file"): File exists\n',
    'symlink("../outside", "up"): ok\n',
    '10<../outside>\n',
  ].join(''),
  link_read: [
    '4<file>\n',
    '2<fi>\n',
    'readlink("file", b, sizeof b): Invalid argument\n',
    'readlink("missing", b, sizeof b): No such file or directory\n',
  ].join(''),
  // Node's counts milliseconds, and may wake within the last one.
  sleeping: ['nanosleep(&t, NULL): ok\n', '1\n'].join(''),
  poll_absolute: ['0: 1 events\n', '  1 type 0 error 0 bytes 0\n', '1\n'].join(''),
  poll_file_and_clock: ['0: 2 events\n', '  2 type 1 error 0 bytes 18\n', '  3 type 2 error 0 bytes 0\n'].join(''),
  poll_bad_descriptor: ['0: 1 events\n', '  2 type 1 error 8 bytes 0\n'].join(''),
  sockets_there_are_none: [
    '__wasi_sock_send(open("file", O_RDWR), &v, 1, 0, &n): 57\n',
    '__wasi_sock_shutdown(99, 1): 8\n',
  ].join(''),
  wild_pointers: [
    '__wasi_fd_read(open("file", O_RDONLY), &v, 1, &n): 21\n',
    '__wasi_random_get((uint8_t *)0xfffffff0u, 100): 21\n',
  ].join(''),
  memory_grows: ['11<hello world>\n'].join(''),
};

export interface ToolCase {
  readonly name: string;
  /** `@` stands for the working directory, `%` for its name. */
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Instead of what Node's own WASI does. */
  readonly want?: { readonly stdout?: string; readonly stderr?: string; readonly status: number | string };
}

export const tools: readonly ToolCase[] = [
  { name: 'arguments', args: ['arguments', '', 'a b', "'", 'grün', '--', '-x', '*'] },
  { name: 'environment', args: ['environment', 'A', 'B', 'NONE'], environment: { A: 'x y', B: '' } },
  { name: 'exit status', args: ['exit', '42'] },
  { name: 'exit status 0', args: ['exit', '0'] },
  { name: 'exit status 255', args: ['exit', '255'] },
  { name: 'status of main, and what is not flushed', args: ['unflushed'] },
  { name: 'unknown', args: ['unknown'] },
  { name: 'standard error', args: ['errors'] },
  { name: 'standard input, none', args: ['lines'] },
  { name: 'standard input, lines', args: ['lines'], stdin: 'a\nbb\nccc' },
  { name: 'standard input, much', args: ['copy'], stdin: 'x'.repeat(300_000) },
  { name: 'standard output, much', args: ['output', '20000'] },
  { name: 'standard streams are no terminals', args: ['streams'] },
  {
    name: 'poll of what comes at once',
    args: ['poll', '60000'],
    want: { stdout: '4<abc\n>\nend 0\n', status: 0 },
    stdin: 'abc\n',
  },
  { name: 'a file by a relative path', args: ['cat', 'file', './dir/../link', 'dir/sub/c'] },
  { name: 'a file that is missing', args: ['cat', 'missing'] },
  {
    name: 'a file by an absolute path',
    args: ['cat', '@/file', '@/dir/b'],
    want: { stdout: 'hello world\nsecond line\nB\n', status: 0 },
  },
  { name: 'a file above', args: ['cat', '../%/blank', '../%/dir/b'], want: { stdout: 'B\n', status: 0 } },
  { name: 'a file saved', args: ['save', 'dir/new', 'text'] },
  { name: 'output closed early', args: ['close', 'new'] },
  {
    name: 'abort',
    args: ['abort'],
    want: { stderr: 'tool.wasm: unreachable\n', status: 134 },
  },
  { name: 'division by zero', args: ['divide'], want: { stderr: 'tool.wasm: divide by zero\n', status: 134 } },
  {
    name: 'no end of recursion',
    args: ['deep'],
    want: { stderr: 'tool.wasm: memory access out of bounds\n', status: 134 },
  },
  { name: 'a signal to itself', args: ['raise', '15'], want: { status: 'SIGTERM' } },
  { name: 'no signal to itself', args: ['raise', '0'], want: { stdout: 'still here\n', status: 0 } },
];
