// What a WASI program does with its process: arguments, environment, standard streams, its end.
//
//     clang --target=wasm32-wasi -Oz -s -o tool.wasm tool.c
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

// Not in this C library's headers.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise"))) int proc_raise(int signal);
static int deeper(volatile int *n) {
  volatile int here[64];
  here[*n & 63] = *n;
  *n += 1;
  return deeper(n) + here[0];
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "arguments") == 0) {
    for (int i = 2; i < argc; i++) printf("<%s>\n", argv[i]);
  } else if (strcmp(what, "environment") == 0) {
    for (int i = 2; i < argc; i++) printf("%s=%s\n", argv[i], getenv(argv[i]) ? getenv(argv[i]) : "(none)");
  } else if (strcmp(what, "exit") == 0) {
    exit(atoi(argv[2]));
  } else if (strcmp(what, "unflushed") == 0) {
    printf("said without a line's end");
    return 3;
  } else if (strcmp(what, "abort") == 0) {
    abort();
  } else if (strcmp(what, "deep") == 0) {
    int n = 0;
    return deeper(&n);
  } else if (strcmp(what, "divide") == 0) {
    volatile int zero = 0;
    return 7 / zero;
  } else if (strcmp(what, "raise") == 0) {
    proc_raise(atoi(argv[2]));
    puts("still here");
  } else if (strcmp(what, "copy") == 0) {
    char b[5000];
    for (int n; (n = read(0, b, sizeof b)) > 0;)
      for (int at = 0; at < n;) {
        int done = write(1, b + at, n - at);
        if (done < 0) return 2;
        at += done;
      }
  } else if (strcmp(what, "lines") == 0) {
    char line[1000];
    for (int i = 1; fgets(line, sizeof line, stdin); i++) {
      printf("%d: %s", i, line);
      fflush(stdout);
    }
  } else if (strcmp(what, "poll") == 0) {
    // Says when something is there to be read; gives up after so many milliseconds of nothing.
    for (;;) {
      struct pollfd p = {.fd = 0, .events = POLLIN};
      int n = poll(&p, 1, atoi(argv[2]));
      if (n == 0) {
        puts("nothing");
        return 4;
      }
      char b[100];
      n = read(0, b, sizeof b);
      if (n <= 0) {
        printf("end %d\n", n);
        return 0;
      }
      printf("%d<%.*s>\n", n, n, b);
      fflush(stdout);
    }
  } else if (strcmp(what, "output") == 0) {
    for (int i = 0; i < atoi(argv[2]); i++) printf("line %d of many that are written\n", i);
  } else if (strcmp(what, "errors") == 0) {
    fputs("to standard error\n", stderr);
    puts("to standard output");
  } else if (strcmp(what, "streams") == 0) {
    for (int fd = 0; fd < 3; fd++) printf("%d: terminal %d, seek %d\n", fd, isatty(fd), lseek(fd, 0, SEEK_CUR) < 0 ? errno == ESPIPE || errno == EBADF : -1);
  } else if (strcmp(what, "cat") == 0) {
    for (int i = 2; i < argc; i++) {
      FILE *f = fopen(argv[i], "r");
      if (!f) {
        perror(argv[i]);
        return 1;
      }
      for (int c; (c = getc(f)) != EOF;) putchar(c);
      fclose(f);
    }
  } else if (strcmp(what, "save") == 0) {
    FILE *f = fopen(argv[2], "w");
    if (!f || fputs(argv[3], f) < 0 || fclose(f) != 0) {
      perror(argv[2]);
      return 1;
    }
  } else if (strcmp(what, "close") == 0) {
    // The reader sees the end while the program goes on.
    puts("before");
    fflush(stdout);
    close(1);
    FILE *f = fopen(argv[2], "w");
    fputs("after", f);
    fclose(f);
    fputs("on", stderr);
  } else {
    fprintf(stderr, "%s: %s: what?\n", argv[0], what);
    return 2;
  }
  return 0;
}
