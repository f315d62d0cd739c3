/**
 * Pieces of random scripts, one list for each part of the language that a grammar alone would not find: descriptors, here-documents,
 * utilities with options, errexit, traps. Each is a list of commands by itself, and none waits for input or time.
 */
import * as fc from 'fast-check';

type Text = fc.Arbitrary<string>;
const pick = (...values: string[]): Text => fc.constantFrom(...values);
/** A template whose holes are filled independently. */
const fill = (strings: TemplateStringsArray, ...holes: Text[]): Text =>
  fc.tuple(...holes).map((texts) => strings.reduce((all, next, i) => `${all}${texts[i - 1]}${next}`));

const number = pick('0', '1', '2', '3', '7', '-1', '010', '0x1F', '9223372036854775807', 'i', 'j', 'i', 'j');

/** Arithmetic with all of C's operators; divisors and shifts are such that C defines the result. */
export const { arithmetic } = fc.letrec<Record<'arithmetic', string>>((tie) => ({
  arithmetic: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    number,
    fill`${pick('-', '!', '~', '+', '- -', '!!')} ${tie('arithmetic')}`,
    fill`(${tie('arithmetic')})`,
    fill`${tie('arithmetic')} ${pick('+', '-', '*', '<', '<=', '>', '>=', '==', '!=', '&&', '||', '&', '|', '^')} ${tie('arithmetic')}`,
    fill`${tie('arithmetic')} ${pick('/', '%')} ${pick('2', '3', '-7')}`,
    fill`${tie('arithmetic')} ${pick('<<', '>>')} ${pick('0', '1', '3', '31', '63')}`,
    fill`(${pick('i', 'j')} ${pick('=', '+=', '-=', '*=', '&=', '|=', '^=')} ${tie('arithmetic')})`,
    fill`(${pick('i', 'j')} ${pick('/=', '%=', '<<=', '>>=')} ${pick('1', '2', '5')})`,
    fill`(${tie('arithmetic')} ? ${tie('arithmetic')} : ${tie('arithmetic')})`,
  ),
}));

const operator = pick(':-', '-', ':+', '+', ':=', '=');
const trim = pick('#', '##', '%', '%%');
const quotedOperand = pick(
  '"x y"',
  "'x y'",
  '"$b"',
  '$b c',
  '"$@"',
  '\\}',
  'a\\ b',
  '"$(echo s)"',
  '~',
  '*.txt',
  '`echo t`',
  '',
);
const quotedPattern = pick(
  '"$b"',
  '$b',
  "'*'",
  '\\*',
  '"a"*',
  '[!a]*',
  '[[:alpha:]]',
  '[a-c]*',
  '?b',
  '"?"',
  "*'b'",
  '$(echo a)',
);
const name = pick('a', 'b', 'c', 'x', '1', '9');

/** Parameter expansions whose operands are quoted themselves. */
export const expansion: Text = fc.oneof(
  fill`\${${pick('a', 'b', 'c', 'x')}${operator}${quotedOperand}}`,
  fill`"\${${pick('a', 'b', 'c', 'x')}${operator}${pick('x y', '"x y"', '$b', '"$b"', '\\}', '$(echo s)', '*', '~', '')}}"`,
  fill`\${${name}${trim}${quotedPattern}}`,
  fill`"\${${name}${trim}${quotedPattern}}"`,
  fill`"\${${pick('@', '*')}}"`,
  fill`\${#${pick('a', 'x', '1', '#', '?')}}`,
  fill`\${${pick('1', '2', '9')}${pick(':-', '-', ':+', '+')}${quotedOperand}}`,
  fill`"\${${pick('1+"$@"', '1:+$*', '9-"$*"', '@+set', '*:-none')}}"`,
);

const descriptors = pick(
  'exec 3>o3; echo three >&3; exec 3>&-; cat o3',
  'echo a 3>o1 >&3',
  '{ echo out; echo err >&2; } 2>&1 >o2; cat o2',
  '{ echo out; echo err >&2; } >o2 2>&1; cat o2',
  'echo lost >&7; echo $?',
  '{ echo closed; } >&-; echo $?',
  'exec 4<o1 2>/dev/null; cat <&4; exec 4<&-',
  ': >|o1; cat o1',
  'set -C; echo x >o1; echo $?; echo y >|o1; set +C; cat o1',
  'echo longer text >o4; printf z 1<>o4; cat o4',
  'echo in >o5; { read p; read q; echo "$p:$q"; } <o5',
  'echo one >>o6; echo two >>o6; while read -r l; do echo "<$l>"; done <o6',
  'f 3>&1 >o7; cat o7',
  'cat nosuch <nosuch; echo $?',
  'exec 5>o5; (echo sub >&5); { echo group >&5; } | cat; exec 5>&-; cat o5',
  'echo a >o1 >o2; cat o1 o2',
  'eval "echo x >o8" 3>&1; cat o8; rm -f o8',
  '> o9; [ -s o9 ]; echo $? >o9; cat <o9',
  'exec 6>&1 >o1; echo inside; exec >&6 6>&-; cat o1',
  'x=$(echo one; echo two >&2) 2>/dev/null; echo "$x"',
  'x=$({ echo one; echo two >&2; } 2>&1); echo "$x"',
  'for v in 1 2; do echo $v; done >o1 2>&1; cat o1',
  'if :; then echo then; fi >"o 1"; cat "o 1"',
);

const hereDocuments = pick(
  'cat <<-E\n\t${a-}\n\t\tb\n\tE\n',
  'cat <<E; echo after\n$(echo "${a-}" | cat) `echo b`\nE\n',
  'cat <<A 3<<B <&3\none\nA\ntwo ${x-}\nB\n',
  'while read -r l; do printf \'[%s]\' "$l"; done <<E\n${a-}\n a\\b \n\nE\necho',
  'while read l r; do printf "[%s|%s]" "$l" "$r"; done <<E\n a\\\nb c  d \n$*\nE\necho',
  'cat <<E\n${x:-"q"} ${a:-${b-}} ${x-}  $((i + 1)) \\${a-} \\` \\\\ \\a "$@" \'${b-}\'\nE\n',
  "cat <<'E' | cat\n${a-} \\\nE\n",
  'x=$(cat <<I\ninner ${a-}\nI\n); echo "${x-}"',
  'f <<E\n$(cat <<I\nnested\nI\n)\nE\ncat',
  'cat <<"" \nline\n\n',
  'cat <<E && echo yes || echo no\n$?\nE\n',
  'if cat <<E; then echo done; fi\nin a condition\nE\n',
);

const utilities: Text = fc.oneof(
  fill`OPTIND=1; while getopts ${pick('ab:', ':ab:', 'ab', 'b:c')} o ${fc.array(pick('-a', '-b', '-ab', '-bv', 'v', '-c', '-', '""'), { maxLength: 4 }).map((a) => a.join(' '))}; do printf '(%s %s)' "$o" "\${OPTARG-}"; done; echo "$? $OPTIND"`,
  fill`OPTIND=1; set -- ${fc.array(pick('-a', '-b v', '-ab', '--', 'v'), { maxLength: 4 }).map((a) => a.join(' '))}; while getopts ab: o; do echo "$o\${OPTARG-}"; done; shift $((OPTIND - 1)); echo "$*"`,
  fill`IFS=${pick(':', '" "', '": "', '" :"', '""', 'x', '"\n"', ':x')} read ${pick('', '-r ')}a ${pick('', 'b', 'b c')} <<E\n${pick('a:b:c', ' a b  c ', 'a::b:', ':', '::', 'a : b', ' : a', 'axbx', '\\a\\:b', 'a\\ b c', 'x', '')}\nE\nprintf '<%s>' $? "$a" "$b" "$c"; echo`,
  fill`IFS=${pick(':', '": "', '" "', 'x', '""')}; v=${pick("'a:b:c'", "' a b  c '", "':a::b:'", "'a : b'", "' : '", "'axx'", "''")}; printf '<%s>' $v "$v" x$v; echo; unset IFS`,
  fill`printf '${pick('%d', '%5d|', '%-5d|', '%05d', '%x', '%o', '%+d', '%u', '%i', '%.3d')}\n' ${pick('0', '7', '-7', '010', '0x1f', '"+3"', '')}`,
  fill`printf '${pick('%s', '%5s|', '%-5s|', '%.2s|', '%b', '%c', '%%', '%s %s\\n', 'x\\ty', '%5.1s|')}\n' ${pick('abc', '"a b"', '', 'a b c', "'a\\tb\\060'", '"$@"')}`,
  fill`[ ${pick('', '! ')}${pick('-n "$a"', '-z "$a"', '-f a.txt', '-d d', '-e nosuch', '-s a.txt', '"$a" = "$b"', '"$a" != x', '1 -lt 2', '2 -ge 3', '-n "$a" -a -f a.txt', '-d d -o -z "$a"', '"$a"', '')} ]; echo $?`,
  pick(
    'set -- "$@" new; echo $#',
    'set -- ; echo "$#${1+set}"',
    'command echo c; command -v echo; command -v nosuch; echo $?',
    'eval "set -- \\"\\$@\\" e"; echo "$*"',
    "eval 'x=1' 'echo' '$x'",
    'eval; echo $?',
    "echo 'echo sourced $1; x=dotted; return 3; echo not' >s; . ./s; echo $? $x",
    'echo "exit 4" >s; (. ./s; echo not); echo $?',
    'umask 027; umask; umask -S; umask 022',
    'readonly ro=1; (ro=2; echo not); echo $?',
    'unset -f f; f() { echo fresh $#; }; f 1 2',
    'kill -l 9; kill -l 143',
    'alias e="echo aliased"\ne x\nunalias e',
    'pwd; cd d && pwd; cd - >/dev/null; echo "$OLDPWD"',
    'cd nosuch; echo $?',
    'x=abc; x=${x%c} y=$x; echo "$x$y"',
    'a=1 b=2; a=3 eval "echo $a \\$a"; echo $a',
    'export a; a=new sh -c \'echo "$a"\'; echo "$a"',
    'echo "$-" | tr -d "$-" | wc -l | tr -d " "',
    ': ${u:=default}; echo $u; unset u',
    '(: ${u?gone}; echo not); echo $?',
    'echo $((08)); echo not',
    'true | false; echo $?; ! true | false; echo $?',
    '(exit 7) & wait $!; echo $?',
    '{ echo async; } & wait; echo $?',
    'type nosuch >/dev/null 2>&1; echo $?',
    'echo a\\tb\\\\n\\0101 "\\c" not',
    'test; echo $?; test "(" = ")"; echo $?; [ a ] && echo one',
    'wait; echo $?; jobs',
    'read a <nosuch; echo $?; read a </dev/null; echo $?',
    'exec nosuch; echo not',
    'exec echo replaced',
    'set -o noglob; echo *.txt; set +o noglob; echo *.txt',
    'set -x; : "$a" 2>/dev/null; set +x',
  ),
);

const errors = pick(
  'set -e; false || echo no; set +e',
  '(set -e; false; echo not); echo $?',
  '(set -e; { false && :; }; echo reached; (false); echo not); echo $?',
  'if (set -e; false; echo in); then echo yes; else echo no; fi',
  '(set -e; x=$(false); echo not); echo $?',
  '(set -e; ! true; echo reached; ! false; echo too)',
  '(set -e; false | true; echo reached; true | false; echo not); echo $?',
  '(set -e; eval "false; :"; echo not); echo $?',
  '(set -e; g() { false; echo in; }; g || echo or; g && echo and; g; echo not); echo $?',
  '(set -e; while false; do :; done; until true; do :; done; echo reached)',
  '(set -e; for v in 1 2; do [ $v = 2 ] && echo two; done; echo not); echo $?',
  '(set -e; trap "echo bye $?" EXIT; false); echo $?',
  '(set -e; case x in x) false ;; esac; echo not); echo $?',
  '(set -e; echo $(false) ok; export y=$(false); echo not)',
  '(set -e; . ./nosuch; echo not); echo $?',
  '(set -u; echo ${nosuch-x}; echo $nosuch; echo not); echo $?',
  '(set -u; echo "$@" "$*" $#; echo $9; echo not); echo $?',
  '(shift 99; echo not); echo $?',
  '(set -q; echo not); echo $?',
  '(break; continue; echo reached); echo $?',
  '(readonly q; unset q; echo not); echo $?',
  '(export 1=2; echo not); echo $?',
  '(command export 1=2; echo reached); echo $?',
  '(command . ./nosuch; echo reached); echo $?',
  '(: >nosuch/x; echo not); echo $?',
  '(echo >nosuch/x; echo reached); echo $?',
  '(command : >nosuch/x; echo reached); echo $?',
  '(eval "if"; echo not); echo $?',
  '(command eval "if"; echo reached); echo $?',
);

const functions = pick(
  'g() { return $1; }; g 3; echo $?; g; echo $?',
  'g() { for v in 1 2; do [ $v = 1 ] && return 5; done; echo not; }; g; echo $? $v',
  'g() { local a=in c; a=$a$1; echo "$a"; }; g x; echo "$a"',
  'g() { set -- z; echo $1; }; g y; echo $1',
  'g() { echo "$#:$*"; shift; [ $# -gt 0 ] && g "$@"; }; g a "b c" d',
  'g() (x=sub; exit 6); g; echo $? $x',
  'g() { echo body; } >o1; g; cat o1',
  'g() { x=$1; }; x=outer; x=prefix g inner; echo "$x"',
  'g() { while :; do break; done; while :; do return 4; done; }; g; echo $?',
  'g() { (return 3); echo $?; { return 2; }; }; g; echo $?',
  'g() { eval "return 8"; echo not; }; g; echo $?',
  'g() { trap "echo inner" EXIT; }; (g; echo out)',
  'g() { unset -f g; echo once; }; g; g; echo $?',
  'for v in 1 2 3; do for w in 1 2; do [ $w = 2 ] && continue 2; [ $v = 3 ] && break 2; echo $v$w; done; done',
  'for v; do echo "($v)"; done',
  'i=0; until [ $((i += 1)) -ge 3 ]; do echo $i; done; i=1',
);

const traps = pick(
  'trap "echo bye" EXIT',
  'trap \'echo "$? $1"\' EXIT',
  'trap - EXIT',
  'trap "echo one" EXIT; trap >o3; cat o3',
  '(trap "echo sub" EXIT; exit 3); echo $?',
  '(trap "exit 9" EXIT; exit 3); echo $?',
  '(trap "false" EXIT; :); echo $?',
  '(trap "echo bye" EXIT; set -u; echo $nosuch); echo $?',
  'x=$(trap "echo bye" EXIT; echo one); echo "$x"',
  'trap "echo got" USR1; sh -c \'kill -USR1 $PPID\'; trap - USR1',
  '(trap "echo got; exit 2" TERM; sh -c \'kill -TERM $PPID\'; :; echo after); echo $?',
  'trap "" INT; sh -c \'kill -INT $$; echo survives\'; trap - INT',
  'trap nosuch BADSIG; echo $?',
);

const cases: Text = fill`case ${pick('"$a"', '$a', 'abc', '"*"', '""', '$*', '"$b"')} in ${pick('""', '"$b"', "'*'", '[a-c]*', '[!a]*', '\\*')}${pick('', '|abc', '|"$1"', '|?')}) echo first ;; (${pick('a*', '*b', '?', '$b', '[[:digit:]]*')}) echo second ;; *) echo "rest $?" ;; esac`;

export const fragment: Text = fc.oneof(
  descriptors,
  hereDocuments,
  { weight: 2, arbitrary: utilities },
  errors,
  functions,
  traps,
  cases,
);
