/** A script of the kind that `configure` is: long, repetitive, here-documents, deep nesting, much quoting. */

const check = (i: number): string => `
# Check for the header number ${i}; the cache may know.
{ $as_echo "$as_me:\${as_lineno-$LINENO}: checking for header${i}.h" >&5
$as_echo_n "checking for header${i}.h... " >&6; }
if \${ac_cv_header_${i}_h+:} false; then :
  $as_echo_n "(cached) " >&6
else
  ac_save_CFLAGS="$CFLAGS" ac_try${i}="$ac_compile conftest.$ac_ext"
  cat confdefs.h - <<_ACEOF >conftest.$ac_ext
/* end confdefs.h.  */
#include <header${i}.h>
int main () { return !($ac_value_${i} + \`expr ${i} + 1\`); }
_ACEOF
  case "(($ac_try${i}" in
    *\\"* | *\\\`* | *\\\\*) ac_try_echo=\\$ac_try${i} ;;
    *[!0-9a-zA-Z_.-]*|"") ac_try_echo="'$ac_try${i}'" ;;
    *) ac_try_echo=$ac_try${i};;
  esac
  eval ac_try_echo="\\"\\$as_me:$LINENO: $ac_try_echo\\""
  if (eval "$ac_try${i}") 2>conftest.err && test ! -s conftest.err || test "x$ac_status" = x${i}; then
    ac_cv_header_${i}_h=yes; count=$((count + ${i} % 7))
  else
    ac_cv_header_${i}_h=no
  fi
  for ac_file in conftest.$ac_ext conftest.o "\${ac_prefix:-/usr}/share/x-${i}"; do
    while test -n "$ac_file" && [ "\${ac_file##*/}" != "$ac_file" ]; do ac_file=\${ac_file%/*}; done
  done
  rm -f core conftest.err conftest.$ac_objext conftest.$ac_ext
fi
ac_fn_check_${i} () { local as_lineno; as_lineno=\${as_lineno-"$1"}; test "x$2" = xyes && return 0; return 1; }
`;

/** At least `lines` lines, all of them behind an \`exit\` if they are only to be parsed. */
export function configureScript(lines: number): string {
  let text = '#!/bin/sh\n';
  for (let i = 0, count = 1; count < lines; i++) {
    const part = check(i);
    count += part.split('\n').length - 1;
    text += part;
  }
  return text;
}
