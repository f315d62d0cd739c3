#!/usr/bin/env node
var GPIO = require('onoff').GPIO;
var actuator = new GPIO(7, 'out');
process.stdin.on('data', (data)=>{
   if (String(data) === 'ON')
        actuator.write(1, (err)=>{});
});
