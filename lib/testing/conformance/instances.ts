import assert from 'node:assert/strict';
import type { EventBackend } from '../../backends/backend.js';
import { createEventBus } from '../../create-event-bus.js';
import type { RetryPolicy } from '../../dispatch/retry-policy.js';
import type { EventErrorNotice } from '../../error-stream.js';
import type { EventBus } from '../../event-bus.js';
import type { EventsModuleOptions } from '../../events-options.js';
import type { BackendFactoryContext } from './options.js';
import { within } from './within.js';

/** How a shutdown is bounded in the cases, in milliseconds. */
export const DRAIN_TIMEOUT_MS = 2000;
export const ABORT_GRACE_MS = 500;

/** Retries that do not make a test slow. */
export const QUICK_RETRY: RetryPolicy = { maxRetries: 2, initialBackoffMs: 10, backoffMultiplier: 1 };

/** A bus on a backend of the factory. */
export interface Instance {
  readonly bus: EventBus;
  readonly backend: EventBackend;
  readonly notices: EventErrorNotice[];
}

interface Closable extends Instance {
  /** What each call of the backend's `close` returned. */
  readonly closings: readonly Promise<void>[];
}

/** The buses of one case. */
export class Instances {
  readonly #all: Closable[] = [];

  /** @param timeoutMs How long closing one may take beyond what its bus is allowed. */
  constructor(private readonly timeoutMs: number) {}

  /** Makes a bus that is not started yet. */
  add(backend: EventBackend, { group }: BackendFactoryContext, options: EventsModuleOptions): Instance {
    const notices: EventErrorNotice[] = [];
    const bus = createEventBus({
      backend,
      source: group,
      retry: QUICK_RETRY,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
      abortGraceMs: ABORT_GRACE_MS,
      onError: (notice) => notices.push(notice),
      ...options,
    });
    const closings: Promise<void>[] = [];
    const close = backend.close.bind(backend);
    backend.close = () => {
      const closing = close();
      closings.push(closing);
      return closing;
    };
    const instance = { bus, backend, notices, closings };
    this.#all.push(instance);
    return instance;
  }

  /** Closes every bus, and sees to it that every backend was closed and that closing ended. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const instance of this.#all) {
      await this.#closeOne(instance).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #closeOne({ bus, backend, closings }: Closable): Promise<void> {
    await this.#bounded(bus.close(), `bus.close() with backend '${backend.name}'`);
    assert.ok(closings.length > 0, `Backend '${backend.name}' was not closed by its bus.`);
    await this.#bounded(backend.close(), `a repeated close() of backend '${backend.name}'`);
    await Promise.all(closings); // the bus reports a close() that rejects and goes on: here it is a failure
  }

  #bounded(work: Promise<unknown>, what: string): Promise<unknown> {
    return within(2 * (DRAIN_TIMEOUT_MS + ABORT_GRACE_MS) + this.timeoutMs, what, work);
  }
}
