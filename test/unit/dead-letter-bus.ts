import type { DeadLetter, EventBackend, EventBus, EventsModuleOptions } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { startBus } from './buses.js';

/** A bus with a handler `h` of `x` that throws what it is told to, and what it was called with. */
export interface MendingBus {
  readonly bus: EventBus;
  /** Data of its calls. */
  readonly calls: unknown[];
  /** Whether a call fails. */
  fails: (data: unknown) => boolean;
  /** Emits events, and waits for their dead letters. */
  fail(...data: unknown[]): Promise<DeadLetter[]>;
}

export async function mendingBus(
  backend?: EventBackend,
  options: EventsModuleOptions = {},
): Promise<MendingBus> {
  const bus = await startBus({ backend, retry: false, ...options });
  const calls: unknown[] = [];
  let emitted = 0;
  const mending: MendingBus = {
    bus,
    calls,
    fails: () => true,
    fail: async (...data) => {
      const ids: string[] = [];
      for (const item of data) {
        // Entries of one millisecond are listed in the order of their ids.
        const { id } = await bus.emitAsync('x', item, { id: `e${String(++emitted).padStart(4, '0')}` });
        ids.push(`${id}:h`);
      }
      const entries = () => Promise.all(ids.map((id) => bus.deadLetters.get(id)));
      await waitFor(async () => (await entries()).every((entry) => entry?.status === 'dead'), {
        message: 'the dead letters',
      });
      return (await entries()) as DeadLetter[];
    },
  };
  bus.on(
    'x',
    async ({ data }) => {
      calls.push(data);
      if (mending.fails(data)) throw new Error(`no luck with ${JSON.stringify(data)}`);
    },
    { id: 'h' },
  );
  return mending;
}

/** Waits until an entry has a status. */
export async function untilStatus(bus: EventBus, id: string, status: string): Promise<void> {
  await waitFor(async () => (await bus.deadLetters.get(id))?.status === status, {
    message: `entry ${id} to be ${status}`,
  });
}
