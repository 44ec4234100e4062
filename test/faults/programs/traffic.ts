import { setTimeout } from 'node:timers/promises';
import { type EventBus, EventBusClosedError, EventPublishError } from 'nestjs-durable-events';
import { LedgerFile } from './ledger-file.js';
import { ORDER_PLACED, orderNumber, type Traffic } from './settings.js';

/** How many orders may be on their way at once. */
const EMITTERS = 16;
/** Before an order is placed again whose publish was rejected. */
const PAUSE_MS = 50;

/** Emits orders at a steady pace, several at once, and notes each only when its receipt is there. */
export async function emitOrders(bus: EventBus, ledger: LedgerFile, traffic: Traffic): Promise<void> {
  const { until, perSecond } = traffic;
  let left = typeof until === 'number' ? until : Infinity;
  if (until === 'SIGTERM') process.once('SIGTERM', () => (left = 0));
  let placed = 0;
  const emitter = async () => {
    while (left-- > 0) {
      await place(bus, ledger, placed++);
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
async function place(bus: EventBus, ledger: LedgerFile, n: number): Promise<void> {
  for (;;) {
    try {
      const { id } = await bus.emitAsync(ORDER_PLACED, orderNumber(n));
      return ledger.write(id, 'confirmed');
    } catch (error) {
      if (!(error instanceof EventPublishError)) throw error;
      ledger.write(String(n), 'unconfirmed');
      await setTimeout(PAUSE_MS);
    }
  }
}
