#!/usr/bin/env node
var GPIO = require('onoff').GPIO;
var sensor = new GPIO(4, 'in');
sensor.watch((err, data) => {
   process.stdout.write(Buffer.from([data]));
});
