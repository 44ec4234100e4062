import { EventConfigurationError, EventTimeoutError } from './errors.js';
import type { BusParts } from './bus-parts.js';

/** Where a bus is in its life. */
export type BusState = 'new' | 'ready' | 'started' | 'draining' | 'closed';

/** What handlers get after the drain deadline to notice their aborted signal, in milliseconds. */
const ABORT_GRACE_MS = 1000;
/** How often a wait looks again where nothing can tell it, in milliseconds. */
const POLL_MS = 5;

/** Starts and stops a bus, each step once however often it is asked for. @internal */
export class BusLifecycle {
  state: BusState = 'new';
  readonly #lifetime = new AbortController();
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: BusParts) {}

  /** Aborts when shutdown ran out of time: what fails from then on is not the handlers' fault. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal;
  }

  /** Every handler known at boot is registered. */
  ready(): void {
    if (this.state === 'new') this.state = 'ready';
  }

  start(): Promise<void> {
    return (this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined; // a broker that was down may be up at the next try
      throw error;
    }));
  }

  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async idle(timeoutMs: number | undefined): Promise<void> {
    const error = new EventTimeoutError(`The event bus was not idle within ${timeoutMs} ms.`);
    const controller = new AbortController();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => controller.abort(error), timeoutMs);
    try {
      await this.#untilIdle(controller.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #start(): Promise<void> {
    this.ready();
    const { backend, registry, dispatcher } = this.parts;
    const broadcast = [...registry.entries()].find((entry) => entry.broadcast);
    if (broadcast !== undefined && backend.subscribe !== undefined && !backend.capabilities?.broadcast) {
      throw new EventConfigurationError(
        `Handler ${broadcast.label} is a broadcast handler, but the backend '${backend.name}' cannot deliver an event to every process. Remove 'broadcast', or use a backend with that capability.`,
      );
    }
    await backend.subscribe?.(dispatcher.dispatch);
    if (this.state === 'ready') this.state = 'started';
  }

  async #drain(): Promise<void> {
    if (this.state !== 'closed') this.state = 'draining';
    // A start that is still under way would otherwise subscribe after the drain.
    await this.#starting?.catch(() => undefined);
    await this.parts.publisher.flush();
    await this.#waitBounded(this.parts.options.drainTimeoutMs);
  }

  async #close(): Promise<void> {
    await this.drain();
    // Requests that were still in flight may have emitted since: their events are handled or stored, too.
    await this.parts.publisher.flush();
    if (!this.lifetime.aborted) await this.#waitBounded(this.parts.options.drainTimeoutMs);
    this.state = 'closed';
    this.#lifetime.abort(new Error('The event bus is closing.'));
    try {
      await this.parts.backend.close();
    } catch (error) {
      this.parts.notices.report(error as Error);
    }
    this.parts.notices.stream.end();
  }

  /** Drains the backend; at the deadline the handlers' signals abort, shortly afterwards the wait ends. */
  async #waitBounded(timeoutMs: number): Promise<void> {
    const deadline = new AbortController();
    let grace: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      this.#lifetime.abort(new EventTimeoutError(`Shutdown waited ${timeoutMs} ms for handlers to finish.`));
      grace = setTimeout(() => deadline.abort(), ABORT_GRACE_MS);
    }, timeoutMs);
    const expired = new Promise<void>((resolve) => {
      deadline.signal.addEventListener('abort', () => setTimeout(resolve, ABORT_GRACE_MS).unref(), {
        once: true,
      });
    });
    try {
      await Promise.race([this.#drainBackend(deadline.signal), expired]);
    } catch (error) {
      this.parts.notices.report(error as Error);
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
    }
  }

  async #drainBackend(signal: AbortSignal): Promise<void> {
    const { backend, dispatcher } = this.parts;
    if (backend.drain !== undefined) return backend.drain({ signal });
    while (dispatcher.running > 0 && !signal.aborted) await pause();
  }

  async #untilIdle(signal: AbortSignal): Promise<void> {
    const { backend, dispatcher, publisher } = this.parts;
    do {
      signal.throwIfAborted();
      await backend.idle?.(signal);
      if (publisher.pending === 0 && dispatcher.running === 0) return;
      await pause();
    } while (true);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
