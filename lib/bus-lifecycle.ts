import { setMaxListeners } from 'node:events';
import { boundedWait } from './bounded-wait.js';
import type { BusParts } from './bus-parts.js';
import { toError } from './dispatch/failure.js';
import { EventBusClosedError, EventBusNotReadyError, EventError, EventTimeoutError } from './errors.js';
import { after } from './timer.js';

/** Where a bus is in its life. */
export type BusState = 'new' | 'ready' | 'started' | 'draining' | 'closed';

/** How long a backend may take to close, in milliseconds: it may wait for deliveries that never end. */
const CLOSE_TIMEOUT_MS = 5000;
/** How often a wait looks again where nothing can tell it, in milliseconds. */
const POLL_MS = 5;

/** Starts and stops a bus, each step once however often it is asked for. @internal */
export class BusLifecycle {
  state: BusState = 'new';
  readonly #lifetime = new AbortController();
  #consumes = false;
  /** What is left of `drainTimeoutMs`, which all waits of a shutdown share. */
  #budgetMs: number;
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: BusParts) {
    // Every handler and every wait may listen to it; however many there are, none of them is a leak.
    setMaxListeners(0, this.#lifetime.signal);
    this.#budgetMs = parts.options.drainTimeoutMs;
  }

  /** Aborts when shutdown ran out of time: what fails from then on is not the handlers' fault. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal;
  }

  /** Every handler known at boot is registered. */
  ready(): void {
    if (this.state === 'new') this.state = 'ready';
  }

  /** @throws {EventBusClosedError} @throws {EventBusNotReadyError} when the backend cannot consume. */
  start(): Promise<void> {
    if (this.state === 'draining' || this.state === 'closed') return Promise.reject(shuttingDown());
    return (this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined; // a broker that was down may be up at the next try
      throw error;
    }));
  }

  /** Never rejects. A call during another joins it; a later one waits for what has come since. */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    }));
  }

  /** Never rejects. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** @throws {EventTimeoutError} */
  async idle(timeoutMs: number | undefined): Promise<void> {
    const controller = new AbortController();
    const giveUp = () =>
      controller.abort(new EventTimeoutError(`The event bus was not idle within ${timeoutMs} ms.`));
    const cancel = timeoutMs === undefined ? undefined : after(timeoutMs, giveUp);
    try {
      await this.#untilIdle(controller.signal);
    } finally {
      cancel?.();
    }
  }

  async #start(): Promise<void> {
    this.ready();
    const { backend, dispatcher } = this.parts;
    try {
      await backend.subscribe?.(dispatcher.dispatch);
    } catch (cause) {
      if (cause instanceof EventError) throw cause;
      throw new EventBusNotReadyError(
        `The backend '${backend.name}' could not start to consume: ${toError(cause).message}`,
        { cause },
      );
    }
    this.#consumes = backend.subscribe !== undefined;
    this.#started();
  }

  /** Unless a shutdown began in the meantime. */
  #started(): void {
    if (this.state === 'ready') this.state = 'started';
  }

  async #drain(): Promise<void> {
    if (this.state !== 'closed') this.state = 'draining';
    const { aborted } = this.lifetime;
    const { drainTimeoutMs } = this.parts.options;
    const begin = performance.now();
    const interrupt = () => {
      this.#lifetime.abort(
        new EventTimeoutError(
          `The application shuts down, and handlers had their drainTimeoutMs of ${drainTimeoutMs}.`,
        ),
      );
    };
    try {
      await boundedWait((signal) => this.#untilDrained(signal), {
        timeoutMs: this.#budgetMs,
        interrupt: aborted ? undefined : interrupt,
      });
    } catch (error) {
      this.parts.notices.report(toError(error));
    }
    this.#budgetMs = Math.max(0, this.#budgetMs - (performance.now() - begin));
  }

  async #untilDrained(signal: AbortSignal): Promise<void> {
    const { backend, dispatcher, publisher } = this.parts;
    // A start that is still under way would otherwise subscribe after the drain.
    await this.#starting?.catch(() => undefined);
    await publisher.flush();
    // What a backend holds that never began to consume, nobody would handle however long the wait.
    if (this.#consumes) await backend.drain?.({ signal });
    while (dispatcher.running + publisher.pending > 0 && !signal.aborted) await pause();
  }

  async #close(): Promise<void> {
    // Requests in flight may have emitted since the last drain: their events are handled or stored, too.
    await this.drain();
    this.state = 'closed';
    this.#lifetime.abort(new EventBusClosedError('The event bus is closed.'));
    const { backend, notices } = this.parts;
    const giveUp = () =>
      notices.report(
        new EventTimeoutError(
          `The backend '${backend.name}' did not close within ${CLOSE_TIMEOUT_MS} ms; the shutdown goes on without it.`,
        ),
      );
    try {
      await boundedWait(() => backend.close(), { timeoutMs: CLOSE_TIMEOUT_MS, interrupt: giveUp });
    } catch (error) {
      notices.report(toError(error));
    }
    notices.stream.end();
  }

  async #untilIdle(signal: AbortSignal): Promise<void> {
    const { backend, dispatcher, publisher } = this.parts;
    for (;;) {
      signal.throwIfAborted();
      await backend.idle?.(signal);
      if (publisher.pending === 0 && dispatcher.running === 0) return;
      await pause();
    }
  }
}

function shuttingDown(): Error {
  return new EventBusClosedError('The event bus cannot start: it is being shut down.');
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
