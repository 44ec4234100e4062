import { setTimeout } from 'node:timers/promises';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { FaultPoint } from '../programs/settings.js';
import type { Scenery } from './scenery.js';

/**
 * What breaks, how long, and how it is repaired. Each resolves when the fault is over, which is when everything is
 * up again or starts. Outages last until they were felt, or longer than a lease. Plans have only what can break.
 */
export const FAULTS = {
  /** Whatever it is doing: handling, acknowledging, starting. */
  'consumer killed': async (scenery) => {
    const consumer = scenery.pick();
    await consumer.service.kill();
    consumer.relaunch();
  },
  /** What nobody holds in memory must be in the broker, or done. */
  'all consumers killed': async (scenery) => {
    await Promise.all(scenery.consumers.map(({ service }) => service.kill()));
    await scenery.takeInventory();
    for (const consumer of scenery.consumers) consumer.relaunch();
  },
  'crash after effect': (scenery) => crashAt(scenery, 'after-effect'),
  'crash before ack': (scenery) => crashAt(scenery, 'before-ack'),
  'crash after dead letter': (scenery) => crashAt(scenery, 'dead-letter-stored'),
  'consumer stopped': async (scenery) => {
    const { service } = scenery.pick();
    service.signal('SIGSTOP');
    await pastLease(scenery);
    service.signal('SIGCONT');
  },
  'consumer half-open': async (scenery) => {
    const proxy = scenery.pick().way.proxy!;
    proxy.blackhole();
    await pastLease(scenery);
    await heal(scenery, proxy);
  },
  'producer half-open': async (scenery) => {
    const proxy = scenery.producerWay.proxy!;
    proxy.blackhole();
    await scenery.untilFelt();
    await heal(scenery, proxy);
  },
  'broker killed': async ({ server, untilFelt }) => {
    await server!.kill9();
    await untilFelt();
    await server!.restart();
  },
  'broker stopped': async (scenery) => {
    await scenery.server!.pause();
    await Promise.all([scenery.untilFelt(), pastLease(scenery)]);
    await scenery.server!.resume();
  },
  'writes refused': async (scenery) => {
    const takeWrites = await scenery.refuseWrites();
    await scenery.untilFelt();
    await takeWrites();
  },
  'inbox killed': async ({ database }) => {
    await database!.kill9();
    await database!.restart();
  },
} satisfies Record<string, (scenery: Scenery) => Promise<void>>;

export type FaultName = keyof typeof FAULTS;

async function crashAt(scenery: Scenery, point: FaultPoint): Promise<void> {
  const consumer = scenery.pick();
  const service = await consumer.ready();
  service.crashAt(point);
  await scenery.stage.until(`${service.name} to crash: ${point}`, () => !service.running);
  consumer.relaunch();
}

/** How long this one lasts, not a wait for something to happen. */
async function pastLease({ plan }: Scenery): Promise<void> {
  await setTimeout(plan.leaseMs * 1.5);
}

/** What was under way arrives late after all, or never. */
async function heal({ random }: Scenery, proxy: TcpProxy): Promise<void> {
  if (random() < 0.5) proxy.cut();
  await proxy.resume();
}
