/** Buses to run a contract suite over. */

import { MemoryHub } from '../../src/bus/memory.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import type { BusLab } from '../bus/contract.js';
import { startMosquitto } from './mosquitto.js';
import { acceptAll, startBroker } from './open-broker.js';

let clients = 0;
const trusts = (key: string) => key === acceptAll.keys.publicKey;
const connectTo = (url: string): BusLab['connect'] => {
  return ({ will } = {}) =>
    connectMqtt({ url, clientId: `test-${process.pid}-${++clients}`, trusts, ...(will ? { will } : {}) });
};

export async function memoryLab(): Promise<BusLab> {
  const hub = new MemoryHub();
  return { connect: async (options) => hub.connect(options), close: async () => undefined };
}

export async function aedesLab(): Promise<BusLab> {
  const broker = await startBroker(acceptAll);
  return { connect: connectTo(broker.url), close: () => broker.close() };
}

export async function mosquittoLab(): Promise<BusLab> {
  const mosquitto = await startMosquitto();
  return { connect: connectTo(mosquitto.url), close: () => mosquitto.close() };
}
