import { AsyncLocalStorage } from 'node:async_hooks';
// Not the globals: what a test does to its clock is no business of this deadline.
import { clearTimeout, setTimeout } from 'node:timers';
import { setImmediate } from 'node:timers/promises';
import type { Delivery, DispatchOutcome, PublishReceipt } from '../backends/backend.js';
import type { EventErrorNotice } from '../error-stream.js';
import { EventConfigurationError, EventTimeoutError } from '../errors.js';
import type { Event } from '../event.js';
import type { EventBus } from '../event-bus.js';

/** Options of {@link settled}. */
export interface SettledOptions {
  /** Longest wait in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

/** Which call of `settled` an emit belongs to. */
const origin = new AsyncLocalStorage<CausalTree>();

/**
 * Runs a function and waits until everything that follows from it is done: the events it emits through the backend,
 * what their handlers emit, and so on, retries included. Counts what is under way instead of sleeping, and does not
 * care about other events of the bus. The handlers must run in this process, on this bus; events held back by
 * `delayMs` are waited for.
 *
 * @param bus A started bus, with `correlation` on.
 * @param run What to watch. Its events are told apart by their correlation ids.
 * @returns What `run` returned.
 * @throws What `run` threw; the error of a handler whose event became a dead letter, or an `AggregateError` of
 * several.
 * @throws {EventTimeoutError} naming what is still open.
 *
 * @example
 * await settled(bus, () => request(app).post('/signup').send(ada));
 * expect(mails).toHaveLength(1);
 */
export async function settled<T>(
  bus: EventBus,
  run: () => T | PromiseLike<T>,
  { timeoutMs = 5000 }: SettledOptions = {},
): Promise<T> {
  if (!bus.parts.options.correlation) {
    throw new EventConfigurationError(
      `settled() tells events apart by their correlation ids, but the bus has 'correlation' turned off. Leave it on in tests.`,
    );
  }
  const { backend, registry } = bus.parts;
  const tree = new CausalTree(backend.subscribe !== undefined, () => registry.hasBroadcasts());
  const stopObserving = bus.observe(tree);
  const notices = bus.errors.subscribe((notice) => tree.noticed(notice));
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tree.timeoutError(timeoutMs, bus.parts.lifecycle.state)), timeoutMs);
  });
  try {
    const result = await Promise.race([origin.run(tree, run), expired]);
    await Promise.race([tree.done(), expired]);
    // A backend in this process puts the last outcome away in the same turn in which it was told.
    await setImmediate();
    tree.throwIfFailed();
    return result;
  } finally {
    clearTimeout(timer);
    notices.unsubscribe();
    stopObserving();
  }
}

interface OpenEvent {
  readonly event: Event;
  /** Deliveries to come or under way. */
  deliveries: number;
  waitsFor: string;
  /** Its deliveries to the group and to everybody are counted apart. */
  split: boolean;
}

/** Keeps count of the events that follow from one function. */
class CausalTree {
  readonly #correlationIds = new Set<string>();
  readonly #open = new Map<string, OpenEvent>();
  readonly #errors: Error[] = [];
  #finish: (() => void) | undefined;

  constructor(
    private readonly delivers: boolean,
    private readonly hasBroadcastHandlers: () => boolean,
  ) {}

  /** Resolves when nothing is open. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#check();
    });
  }

  throwIfFailed(): void {
    if (this.#errors.length === 0) return;
    if (this.#errors.length === 1) throw this.#errors[0]!;
    const messages = this.#errors.map(({ message }) => message).join('; ');
    throw new AggregateError(this.#errors, `${this.#errors.length} events became dead letters: ${messages}`);
  }

  timeoutError(timeoutMs: number, state: string): EventTimeoutError {
    const open = [...this.#open.values()].map(
      ({ event, waitsFor }) => `'${event.type}' (${event.id}) waits for ${waitsFor}`,
    );
    const what = open.length > 0 ? `Still open: ${open.join('; ')}.` : 'The function has not returned.';
    const hint = state === 'ready' ? ' The bus is not started: call bus.start() or app.init() first.' : '';
    return new EventTimeoutError(`Not settled within ${timeoutMs} ms. ${what}${hint}`);
  }

  publishing(event: Event): void {
    if (origin.getStore() !== this && !this.#correlationIds.has(event.correlationId)) return;
    this.#correlationIds.add(event.correlationId);
    if (!this.delivers) return;
    const open = this.#open.get(event.id);
    if (open === undefined)
      this.#open.set(event.id, { event, deliveries: 1, waitsFor: 'its handlers', split: false });
    else open.deliveries++;
  }

  publishFailed(event: Event): void {
    this.#ended(event);
  }

  published(event: Event, { duplicate }: PublishReceipt): void {
    if (duplicate) this.#ended(event);
  }

  dispatched(event: Event, _outcome: DispatchOutcome, { audience }: Delivery): void {
    const open = this.#open.get(event.id);
    // A networked backend brings an event twice to a process with broadcast handlers, in either order.
    if (open !== undefined && audience !== undefined && !open.split) {
      open.split = true;
      if (this.hasBroadcastHandlers()) open.deliveries++;
    }
    this.#ended(event);
  }

  /** Called for each try of a handler that failed, before the delivery ends with {@link dispatched}. */
  noticed({ event, handlerId, action, error, attempt, delayMs }: EventErrorNotice): void {
    const open = event && this.#open.get(event.id);
    if (open === undefined) return;
    if (action === 'deferred') {
      open.deliveries++;
      open.waitsFor = `handler '${handlerId}', deferred by ${delayMs} ms: ${error.message}`;
    } else if (action === 'retry') {
      open.deliveries++;
      open.waitsFor = `try ${attempt! + 1} of handler '${handlerId}', ${delayMs} ms after: ${error.message}`;
    } else if (action === 'released') {
      open.deliveries++;
      open.waitsFor = `handler '${handlerId}', which shutdown interrupted`;
    } else if (action === 'dead-letter') {
      this.#errors.push(error);
    }
  }

  #ended(event: Event): void {
    const open = this.#open.get(event.id);
    if (open === undefined) return;
    if (--open.deliveries === 0) this.#open.delete(event.id);
    this.#check();
  }

  #check(): void {
    if (this.#open.size === 0) this.#finish?.();
  }
}
