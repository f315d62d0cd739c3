/** Scripts of Debian, git and npm with work for them to do. `$sh` is the shell that runs them, as a file: `$0` is what it is for a user. */

export interface Case {
  readonly file: string;
  readonly script: string;
}

/** A repository of six commits; it is gone in the end, since it holds the time. */
const repository = `trap 'rm -rf ../r ../bare' EXIT; PATH=/usr/lib/git-core:$PATH; git init -q -b main r; cd r
git config user.name me; git config user.email me@example.org; export GIT_AUTHOR_DATE=@0 GIT_COMMITTER_DATE=@0
for n in 1 2 3 4 5 6; do echo "line $n" >>file; [ $n -lt 4 ] || echo bug >>file; git add file; git commit -qm "commit $n"; done`;
const core = '/usr/lib/git-core';
/** They ask with `type` for a program that is not there, which dash says on standard output. */
const npm = '/usr/lib/node_modules/npm/bin';

export const cases: readonly Case[] = [
  {
    file: '/usr/bin/zgrep',
    script: 'printf "ab\\nb\\n" | gzip >z.gz; $sh /usr/bin/zgrep -c a z.gz; $sh /usr/bin/zgrep -l x z.gz',
  },
  { file: '/usr/bin/zdiff', script: 'echo a | gzip >a.gz; echo b | gzip >b.gz; $sh /usr/bin/zdiff a.gz b.gz' },
  {
    file: '/usr/bin/gunzip',
    script: 'echo hello | gzip >h.gz; $sh /usr/bin/gunzip -c h.gz; $sh /usr/bin/gunzip h.gz; cat h',
  },
  { file: '/usr/bin/which.debianutils', script: '$sh /usr/bin/which.debianutils -a sh nosuch; echo $?' },
  {
    file: '/usr/bin/savelog',
    script: 'for n in 1 2 3; do echo $n >log; $sh /usr/bin/savelog -c 3 -l log >/dev/null; done; ls',
  },
  {
    file: '/usr/bin/dpkg-maintscript-helper',
    script: '$sh /usr/bin/dpkg-maintscript-helper supports rm_conffile 2>&1; echo $?',
  },
  { file: '/usr/bin/zforce', script: 'echo a | gzip >plain; $sh /usr/bin/zforce plain; ls' },
  { file: '/usr/bin/znew', script: '$sh /usr/bin/znew --help; echo $?' },
  {
    file: '/usr/bin/gzexe',
    script: 'cp /usr/bin/zforce f; $sh /usr/bin/gzexe f; $sh /usr/bin/gzexe -d f; cmp f /usr/bin/zforce; rm f~',
  },
  { file: '/usr/bin/zmore', script: 'echo text | gzip >t.gz; $sh /usr/bin/zmore t.gz </dev/null' },
  {
    file: '/usr/bin/xzgrep',
    script: 'printf "ab\\nb\\n" | xz >z.xz; $sh /usr/bin/xzgrep -n b z.xz; $sh /usr/bin/xzgrep -q x z.xz; echo $?',
  },
  { file: '/usr/bin/xzdiff', script: 'echo a | xz >a.xz; echo b | xz >b.xz; $sh /usr/bin/xzdiff a.xz b.xz; echo $?' },
  { file: '/usr/bin/bzgrep', script: 'printf "ab\\nb\\n" | bzip2 >z.bz2; $sh /usr/bin/bzgrep -h a z.bz2 z.bz2' },
  {
    file: '/usr/bin/bzdiff',
    script: 'echo a | bzip2 >a.bz2; echo b | bzip2 >b.bz2; $sh /usr/bin/bzdiff a.bz2 b.bz2; echo $?',
  },
  { file: '/usr/bin/egrep', script: 'printf "ab\\nb\\n" | $sh /usr/bin/egrep "a|x"' },
  {
    file: '/usr/bin/ldd',
    script: '[ "$(head -c 9 /usr/bin/ldd)" = "#! /bin/sh" ] || exit 0; $sh /usr/bin/ldd /bin/true | wc -l',
  },
  { file: '/usr/sbin/add-shell', script: '$sh /usr/sbin/add-shell; echo $?' },
  { file: '/usr/bin/catchsegv', script: '$sh /usr/bin/catchsegv --help; echo $?' },
  {
    file: '/usr/bin/lesspipe',
    script: 'tar cf t.tar a.txt; $sh /usr/bin/lesspipe t.tar | wc -l; $sh /usr/bin/lesspipe; rm t.tar',
  },
  {
    file: `${core}/git-submodule`,
    script: `${repository}; git submodule -q add ./. sub 2>/dev/null; $sh ${core}/git-submodule status; echo $?; $sh ${core}/git-submodule -h; $sh ${core}/git-submodule foreach 'echo "$name"'`,
  },
  {
    file: `${core}/git-filter-branch`,
    script: `${repository}; export FILTER_BRANCH_SQUELCH_WARNING=1; $sh ${core}/git-filter-branch --msg-filter 'sed s/commit/was/' --tree-filter 'echo x >x' HEAD~4..HEAD >/dev/null 2>&1; git log --format='%s %T'`,
  },
  {
    file: `${core}/git-bisect`,
    script: `${repository}; $sh ${core}/git-bisect start HEAD HEAD~5; $sh ${core}/git-bisect run sh -c '! grep -q bug file'; $sh ${core}/git-bisect log; $sh ${core}/git-bisect reset 2>&1`,
  },
  {
    file: `${core}/git-request-pull`,
    script: `${repository}; git tag start HEAD~2; git clone -q --bare . ../bare; $sh ${core}/git-request-pull start ../bare main 2>&1`,
  },
  {
    file: `${core}/git-merge-one-file`,
    script: `${repository}; git checkout -qb side HEAD~1; echo other >>file; git commit -qam side; git merge -s resolve main 2>&1; $sh ${core}/git-merge-one-file $(git rev-parse HEAD~1:file HEAD:file main:file) file 100644 100644 100644; echo $?; cat file`,
  },
  {
    file: `${core}/git-merge-octopus`,
    script: `${repository}; for b in one two; do git checkout -qb $b HEAD~1; echo $b >$b; git add $b; git commit -qm $b; git checkout -q main; done; $sh ${core}/git-merge-octopus HEAD~1 -- HEAD one two 2>&1; echo $?; git status --short`,
  },
  {
    file: `${core}/git-sh-setup`,
    script: `${repository}; cd .; $sh -c '. "$(git --exec-path)/git-sh-setup"; require_work_tree; echo "$GIT_DIR"; cd_to_toplevel; say said; peel_committish HEAD'`,
  },
  {
    file: `${core}/git-mergetool--lib`,
    script: `${repository}; $sh ${core}/git-mergetool --tool-help 2>&1 | head -n 3`,
  },
  { file: `${npm}/npm`, script: `{ $sh ${npm}/npm --version; $sh ${npm}/npm root; echo $?; } | grep -v wslpath` },
  { file: `${npm}/npx`, script: `{ $sh ${npm}/npx --version; echo $?; } | grep -v wslpath` },
];
