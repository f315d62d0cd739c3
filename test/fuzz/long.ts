/**
 * The long form of the differential test.
 *
 *     npm run fuzz -- [COUNT [SEED]]      COUNT scripts (10 000) from SEED (the time), one in ten with bash
 */
import { compare, peers } from './differential.js';

const [count = '10000', seed = String(Date.now() & 0x7fffffff)] = process.argv.slice(2);
console.log(`${count} scripts from seed ${seed}`);
/** In parts, so that one difference does not hide the others. */
const part = 100;
let differences = 0;
for (let done = 0; done < Number(count); done += part) {
  if (done % 5000 === 0) console.log(`${done} done`);
  const peer = peers.find(({ name }) => name === (done % (10 * part) === 0 ? 'bash' : 'dash'))!;
  try {
    await compare(peer, Math.min(part, Number(count) - done), Number(seed) + done);
  } catch (error) {
    differences += 1;
    const { message, cause } = error as Error;
    console.log(message.slice(0, 2000));
    if (cause instanceof Error) console.log(cause.message.slice(0, 2000));
  }
}
console.log(`${count} scripts, ${differences} parts with a difference`);
process.exit(differences === 0 ? 0 : 1);
