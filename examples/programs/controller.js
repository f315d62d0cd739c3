#!/usr/bin/env node
process.stdin.on('data', (data) => {
  if (data[0] === 1)
    process.stdout.write('ON');
  });
