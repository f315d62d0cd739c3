/** The embedded broker open to everybody, for tests that are not about its doors. */
import { generateKeys } from '../../src/bus/identity.js';

export { startBroker } from '../../src/bus/broker.js';

export const acceptAll = {
  keys: generateKeys(),
  authenticate: () => 'anyone',
  mayPublish: () => true,
  maySubscribe: () => true,
};
