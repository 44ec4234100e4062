import { setTimeout } from 'node:timers/promises';
import { type EventBus, EventBusClosedError, EventPublishError } from 'nestjs-durable-events';
import { LedgerClient } from './ledger-client.js';
import { type Command, ORDER_PLACED, orderNumber, type Traffic } from './settings.js';

/** How many orders may be on their way at once, and how many keys there are. */
const EMITTERS = 16;
/** Before an order is placed again whose publish was rejected. */
const PAUSE_MS = 50;

/** Emits orders at a steady pace, several at once, and notes each only when its receipt is there. */
export async function emitOrders(bus: EventBus, ledger: LedgerClient, traffic: Traffic): Promise<void> {
  const { until, perSecond, keyed } = traffic;
  let left = typeof until === 'number' ? until : Infinity;
  const enough = () => (left = 0);
  if (until === 'SIGTERM') process.once('SIGTERM', enough);
  if (until === 'told') process.on('message', (command: Command) => command === 'enough' && enough());
  let placed = 0;
  const emitter = async (_: unknown, lane: number) => {
    // One after the other, not in bursts.
    await setTimeout((lane * 1000) / perSecond);
    while (left-- > 0) {
      await place(bus, ledger, placed++, keyed ? `key-${lane}` : undefined);
      await setTimeout((EMITTERS * 1000) / perSecond);
    }
  };
  try {
    await Promise.all(Array.from({ length: EMITTERS }, emitter));
  } catch (error) {
    if (until !== 'refused' || !(error instanceof EventBusClosedError)) throw error;
  }
}

/** A publish that was rejected may be stored or not, so the order is placed again, as another event. */
async function place(bus: EventBus, ledger: LedgerClient, n: number, key?: string): Promise<void> {
  for (;;) {
    try {
      const { id } = await bus.emitAsync(ORDER_PLACED, orderNumber(n), { key });
      await ledger.write(id, 'confirmed', `${key ?? '-'}/${n}`);
      return;
    } catch (error) {
      if (!(error instanceof EventPublishError)) throw error;
      await ledger.write(String(n), 'unconfirmed', error.name);
      await setTimeout(PAUSE_MS);
    }
  }
}
