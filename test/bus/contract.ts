/** What every bus keeps, whatever carries it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bus, Delivery, Will } from '../../src/bus/bus.js';

export interface BusLab {
  connect(options?: { readonly will?: Will }): Promise<Bus>;
  close(): Promise<void>;
}

/** Collects deliveries; `take` waits for the next one. */
export function collector() {
  const queue: Delivery[] = [];
  let wake: (() => void) | undefined;
  return {
    handler: (delivery: Delivery) => {
      queue.push(delivery);
      wake?.();
    },
    queue,
    async take(deadlineMs = 3000): Promise<string> {
      const timer = setTimeout(() => wake?.(), deadlineMs);
      while (queue.length === 0) {
        const from = Date.now();
        await new Promise<void>((resolve) => (wake = resolve));
        if (queue.length === 0 && Date.now() - from >= deadlineMs - 5) throw new Error('nothing was delivered');
      }
      clearTimeout(timer);
      const { topic, payload, retained } = queue.shift()!;
      return `${topic} ${Buffer.from(payload).toString()}${retained ? ' (retained)' : ''}`;
    },
  };
}

export function busContract(name: string, open: () => Promise<BusLab>): void {
  const test = suite(`bus over ${name}`);
  let lab: BusLab;
  test.before(async () => {
    lab = await open();
  });
  test.after(() => lab.close());
  const text = (s: string) => Buffer.from(s);

  test('filters, both qualities, bytes as they are', async () => {
    const [a, b] = [await lab.connect(), await lab.connect()];
    const got = collector();
    await b.subscribe('t/one', got.handler);
    await b.subscribe('p/+/x', got.handler, { qos: 1 });
    await b.subscribe('h/#', got.handler);
    for (const [topic, qos] of [
      ['t/one', 0],
      ['p/a/x', 1],
      ['h/a/b', 0],
      ['h', 1],
    ] as const) {
      await a.publish(topic, text('1'), { qos });
      assert.is(await got.take(), `${topic} 1`);
    }
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await a.publish('t/one', bytes);
    await a.publish('p/a/y', text('no'));
    await a.publish('t/one', text('last'));
    while (got.queue.length < 2) await new Promise(setImmediate);
    assert.equal([...got.queue[0]!.payload], [...bytes]);
    assert.is(got.queue.length, 2);
    await a.close();
    await b.close();
  });

  test('messages of one publisher arrive in order', async () => {
    const [a, b] = [await lab.connect(), await lab.connect()];
    const got = collector();
    await b.subscribe('order', got.handler);
    for (let i = 0; i < 500; i++) void a.publish('order', text(String(i)));
    for (let i = 0; i < 500; i++) assert.is(await got.take(), `order ${i}`);
    await a.close();
    await b.close();
  });

  test('a retained message greets later subscribers until it is cleared', async () => {
    const [a, b] = [await lab.connect(), await lab.connect()];
    await a.publish('kept', text('1'), { qos: 1, retain: true });
    const [first, second, third] = [collector(), collector(), collector()];
    await b.subscribe('kept', first.handler);
    assert.is(await first.take(), 'kept 1 (retained)');
    await b.subscribe('kept', second.handler);
    assert.is(await second.take(), 'kept 1 (retained)');
    await a.publish('kept', text(''), { qos: 1, retain: true });
    const c = await lab.connect();
    await c.subscribe('kept', third.handler);
    await a.publish('kept', text('live'), { qos: 1 });
    assert.is(await third.take(), 'kept live');
    for (const bus of [a, b, c]) await bus.close();
  });

  test('a closed subscription is silent, another on the same filter is not', async () => {
    const [a, b] = [await lab.connect(), await lab.connect()];
    const [one, two] = [collector(), collector()];
    const subscription = await b.subscribe('s', one.handler);
    const other = await b.subscribe('s', two.handler);
    await subscription.close();
    await a.publish('s', text('1'), { qos: 1 });
    assert.is(await two.take(), 's 1');
    await other.close();
    await a.publish('s', text('2'), { qos: 1 });
    const mark = collector();
    await b.subscribe('mark', mark.handler);
    await a.publish('mark', text(''), { qos: 1 });
    await mark.take();
    assert.is(one.queue.length + two.queue.length, 0);
    await a.close();
    await b.close();
  });

  test('the will is sent after a crash and not after a clean close', async () => {
    const watcher = await lab.connect();
    const got = collector();
    await watcher.subscribe('will/+', got.handler, { qos: 1 });
    const will = (n: number): Will => ({ topic: `will/${n}`, payload: text('gone'), qos: 1, retain: true });
    const clean = await lab.connect({ will: will(1) });
    await clean.close();
    const crashed = await lab.connect({ will: will(2) });
    const states: string[] = [];
    crashed.onState((state) => states.push(state));
    crashed.abort();
    assert.is(await got.take(), 'will/2 gone');
    assert.equal(states, ['disconnected']);
    assert.is(crashed.state, 'disconnected');
    await watcher.close();
  });

  test.run();
}
