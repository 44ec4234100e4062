import { setTimeout } from 'node:timers/promises';
import type { Sample } from '../../harness/table.js';
import { Arrivals } from './arrivals.js';
import { nowUs } from './clock.js';
import type { BrokerCase } from './measurements.js';
import { RemoteConsumer } from './remote-consumer.js';
import { RemoteProducer } from './remote-producer.js';
import { useServer } from './server.js';
import { transportNamed } from './transports.js';

/** What the consumer that dies has in work. */
const HELD = 100;
/** Longer than any measurement. */
const HANGING_MS = 600_000;

/**
 * From the SIGKILL of a consumer whose handlers run, to the last of their events handled by another one, less the
 * lease that it has to wait for.
 */
export async function measureRecovery({ transport, link }: BrokerCase, leaseMs: number): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async () => {
    const { prepare, consume } = way;
    const leased = { ...link, leaseMs };
    await prepare(leased);
    const victim = await RemoteConsumer.start({ transport, link: leased, forMs: HANGING_MS });
    const producer = await RemoteProducer.start({ transport, link: leased });
    const busy = victim.busyWith(HELD);
    await producer.run({ events: HELD, inFlight: HELD });
    await busy;
    const arrivals = new Arrivals();
    const heir = await consume(leased, arrivals.handle);
    const all = arrivals.reach(HELD);
    const killedAtUs = nowUs();
    await victim.kill();
    const recoveryMs = ((await all).atUs - killedAtUs) / 1e3 - leaseMs;
    await Promise.all([producer.close(), heir.close()]);
    return { recoveryMs };
  });
}

/** Calls before memory is looked at, so that everything is loaded. */
const WARM_UP = 500;
const LOOK_EVERY_MS = 50;
/** How long a call takes while events pile up. */
const SLOW_MS = 250;
/** How long a consumer is watched once all events wait. */
const WATCHED_MS = 2_000;

/** By how much the process of a consumer grows while events pile up that it cannot keep up with. */
export async function measureGrowth({ transport, link }: BrokerCase, waiting: number): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async () => {
    const { prepare, consume } = way;
    await prepare(link);
    let slow = false;
    const arrivals = new Arrivals();
    const consumer = await consume(link, async (payload) => {
      arrivals.handle(payload);
      if (slow) await setTimeout(SLOW_MS);
    });
    const producer = await RemoteProducer.start({ transport, link });
    const warm = arrivals.reach(WARM_UP);
    await producer.run({ events: WARM_UP, inFlight: 100 });
    await warm;
    slow = true;
    const before = process.memoryUsage.rss();
    let most = before;
    const looking = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), LOOK_EVERY_MS);
    await producer.run({ events: waiting, inFlight: 1_000 });
    await setTimeout(WATCHED_MS);
    clearInterval(looking);
    await Promise.all([producer.close(), consumer.close()]);
    return { growthMiB: (most - before) / 2 ** 20 };
  });
}
