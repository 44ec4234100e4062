import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createEvent, type CreateEventOptions, type Event } from '../../event.js';
import type { LoadOptions } from '../../store/criteria.js';
import type { AppendOptions, AppendResult, EventStore } from '../../store/event-store.js';
import type { StoredEvent } from '../../store/stored-event.js';
import type { CallerTransaction } from '../conformance/options.js';
import type { EventStoreConformanceOptions, EventStoreFactory, StoreRequirement } from './options.js';

const POLL_MS = 5;

/** Everything that one case builds and that has to be gone after it. */
export class StoreRig {
  readonly context = { namespace: `store_${randomUUID().slice(0, 8)}` };
  readonly timeoutMs: number;
  readonly #cleanups: (() => unknown)[] = [];

  constructor(
    private readonly factory: EventStoreFactory,
    private readonly options: EventStoreConformanceOptions,
  ) {
    this.timeoutMs = options.timeoutMs ?? 5000;
  }

  /** Makes a store and opens it. */
  async store(): Promise<EventStore> {
    const store = await this.factory(this.context);
    this.cleanup(() => store.close());
    await store.open();
    return store;
  }

  /** A store with these events, which readers can see. */
  async storeWith(events: readonly Event[], options?: AppendOptions): Promise<EventStore> {
    const store = await this.store();
    await this.append(store, events, options);
    return store;
  }

  /** Appends, and waits until readers can see it: what else goes on in a database may hide it for a moment. */
  async append(
    store: EventStore,
    events: readonly Event[],
    options?: AppendOptions,
  ): Promise<AppendResult[]> {
    const results = await store.appendBatch(events, options);
    const last = results.at(-1)?.position;
    if (last !== undefined) await this.visible(store, last);
    return results;
  }

  /** Waits until readers can see the event of this position. */
  async visible(store: EventStore, position: string): Promise<void> {
    await this.until(
      `readers to see position ${position}`,
      async () => ((await store.head()) ?? '') >= position,
    );
  }

  async transact(): Promise<CallerTransaction> {
    const transaction = await this.options.transact!(this.context);
    let open = true;
    const once = (end: () => Promise<unknown>) => async () => {
      if (open) await end();
      open = false;
    };
    const rollback = once(transaction.rollback);
    this.cleanup(rollback);
    return { client: transaction.client, commit: once(transaction.commit), rollback };
  }

  /** Waits for a condition, and fails with what was awaited. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + this.timeoutMs;
    while (!(await condition())) {
      assert.ok(performance.now() < deadline, `Waited ${this.timeoutMs} ms in vain for ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  cleanup(run: () => unknown): void {
    this.#cleanups.unshift(run);
  }

  async close(): Promise<void> {
    for (const run of this.#cleanups.splice(0)) await run();
  }
}

/** One thing that a store has to do. */
export interface StoreCase {
  /** A sentence whose subject is the store. */
  readonly name: string;
  readonly needs?: readonly StoreRequirement[];
  readonly run: (rig: StoreRig) => Promise<void>;
}

/** Events `0` to `count - 1` of one type, a millisecond apart. */
export function numbered(count: number, options: CreateEventOptions & { type?: string } = {}): Event[] {
  const { type = 'order.placed', createdAt = new Date(1_700_000_000_000), ...rest } = options;
  return Array.from({ length: count }, (_, n) =>
    createEvent(type, { n }, { ...rest, createdAt: new Date(createdAt.getTime() + n) }),
  );
}

/** All that is read, in one list. */
export async function all(source: AsyncIterable<StoredEvent>): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
}

/** Ids of what the store has for these options. */
export async function idsOf(store: EventStore, options?: LoadOptions): Promise<string[]> {
  return (await all(store.load(options))).map(({ id }) => id);
}

export function ids(events: readonly { readonly id: string }[]): string[] {
  return events.map(({ id }) => id);
}

/** How it failed. @throws AssertionError when it did not. */
export async function failure(what: string, work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  return assert.fail(`${what} did not fail.`);
}
