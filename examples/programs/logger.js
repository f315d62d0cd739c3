#!/usr/bin/env node
var outpath = process.argv[2];
var fs = require('fs');
process.stdin.on('data', (data)=> {
   fs.appendFile(outpath, data, (err)=> {});
});
