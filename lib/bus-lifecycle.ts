import { setMaxListeners } from 'node:events';
import type { DrainRequest } from './backends/backend.js';
import { boundedWait } from './bounded-wait.js';
import type { BusParts } from './bus-parts.js';
import { toError } from './dispatch/failure.js';
import { EventBusClosedError, EventBusNotReadyError, EventError, EventTimeoutError } from './errors.js';
import { describeShutdown, type ShutdownReport, ShutdownTally } from './shutdown-report.js';
import { after } from './timer.js';

/** Where a bus is in its life. */
export type BusState = 'new' | 'ready' | 'started' | 'draining' | 'closing' | 'closed';

const SHUTTING_DOWN: ReadonlySet<BusState> = new Set(['draining', 'closing', 'closed']);

/** How long a backend may take to close, in milliseconds: it may wait for deliveries that never end. */
const CLOSE_TIMEOUT_MS = 5000;
/** How often a wait looks again where nothing can tell it, in milliseconds. */
const POLL_MS = 5;

/** Starts and stops a bus, each step once however often it is asked for. @internal */
export class BusLifecycle {
  state: BusState = 'new';
  readonly #lifetime = new AbortController();
  readonly #shutdown = new AbortController();
  #consumes = false;
  /** What is left of `drainTimeoutMs`, which all waits of a shutdown share. */
  #budgetMs: number;
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #closing: Promise<ShutdownReport> | undefined;
  readonly #tally: ShutdownTally;

  constructor(private readonly parts: BusParts) {
    // Every handler and every wait may listen to it; however many there are, none of them is a leak.
    setMaxListeners(0, this.#lifetime.signal, this.#shutdown.signal);
    this.#budgetMs = parts.options.drainTimeoutMs;
    this.#tally = new ShutdownTally(() => ({
      begun: parts.dispatcher.begun,
      running: parts.dispatcher.running,
      released: parts.settlement.released,
    }));
  }

  /** Aborts when shutdown ran out of time: what fails from then on is not the handlers' fault. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal;
  }

  /** Aborts when a shutdown begins: nothing that is not a delivery should be begun any more. */
  get shutdown(): AbortSignal {
    return this.#shutdown.signal;
  }

  /** Every handler known at boot is registered. */
  ready(): void {
    if (this.state === 'new') this.state = 'ready';
  }

  /** @throws {EventBusClosedError} @throws {EventBusNotReadyError} when the backend cannot consume. */
  start(): Promise<void> {
    if (SHUTTING_DOWN.has(this.state)) return Promise.reject(shuttingDown());
    return (this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined; // a broker that was down may be up at the next try
      throw error;
    }));
  }

  /** Never rejects. A call during another joins it; a later one waits for what has come since. */
  async drain(): Promise<ShutdownReport> {
    await (this.#draining ??= this.#drain(false).finally(() => {
      this.#draining = undefined;
    }));
    return this.#tally.report;
  }

  /** Never rejects. */
  close(): Promise<ShutdownReport> {
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
    const { backend, dispatcher, stores } = this.parts;
    for (const store of stores) await begun(`The ${store.name} could not be opened`, () => store.open());
    await begun(`The backend '${backend.name}' could not start to consume`, async () =>
      backend.subscribe?.(dispatcher.dispatch),
    );
    this.#consumes = backend.subscribe !== undefined;
    this.#started();
  }

  /** Unless a shutdown began in the meantime. */
  #started(): void {
    if (this.state === 'ready') this.state = 'started';
  }

  async #drain(final: boolean): Promise<void> {
    if (!final && !SHUTTING_DOWN.has(this.state)) this.state = 'draining';
    this.#shutdown.abort();
    const { aborted } = this.lifetime;
    const { drainTimeoutMs, abortGraceMs } = this.parts.options;
    const begin = performance.now();
    const count = this.#tally.begin();
    let released = 0;
    const interrupt = () => {
      count.interrupted();
      this.#lifetime.abort(
        new EventTimeoutError(
          `The application shuts down, and handlers had their drainTimeoutMs of ${drainTimeoutMs}.`,
        ),
      );
    };
    try {
      const work = (signal: AbortSignal) =>
        this.#untilDrained({ signal, final }, (given) => (released += given));
      const limits = { timeoutMs: this.#budgetMs, graceMs: abortGraceMs };
      await boundedWait(work, { ...limits, interrupt: aborted ? undefined : interrupt });
    } catch (error) {
      this.parts.notices.report(toError(error));
    }
    count.over(released);
    this.#budgetMs = Math.max(0, this.#budgetMs - (performance.now() - begin));
  }

  async #untilDrained(request: DrainRequest, onReleased: (count: number) => void): Promise<void> {
    const { backend, dispatcher, publisher, recorder } = this.parts;
    const { signal, final } = request;
    // A start that is still under way would otherwise subscribe after the drain.
    await this.#starting?.catch(() => undefined);
    if (final) await recorder?.stop();
    await publisher.flush();
    // What a backend holds that never began to consume, nobody would handle however long the wait.
    if (this.#consumes && backend.drain !== undefined) {
      onReleased((await backend.drain(request))?.released ?? 0);
      // What still comes into a process that is its own consumer is handled now or at the end.
      if (!final && backend.capabilities?.shared === false) return;
    }
    const busy = () => dispatcher.running > 0 || (final && this.#emitting);
    while (busy() && !signal.aborted) await pause();
  }

  async #close(): Promise<ShutdownReport> {
    this.state = 'closing';
    await this.#draining;
    // Requests in flight may have emitted since the last drain: their events are handled or stored, too.
    await this.#drain(true);
    this.state = 'closed';
    this.#lifetime.abort(new EventBusClosedError('The event bus is closed.'));
    const { backend, notices, stores } = this.parts;
    await this.#closePart(`backend '${backend.name}'`, async () => backend.close());
    await Promise.all(stores.map((store) => this.#closePart(store.name, () => store.close())));
    const { report } = this.#tally;
    const summary = describeShutdown(report);
    if (summary !== undefined) notices.info(summary);
    notices.stream.end();
    return report;
  }

  /** Never rejects, and waits for no part longer than it may take. */
  async #closePart(name: string, close: () => Promise<void>): Promise<void> {
    const { notices } = this.parts;
    const giveUp = () =>
      notices.report(
        new EventTimeoutError(
          `The ${name} did not close within ${CLOSE_TIMEOUT_MS} ms; the shutdown goes on without it.`,
        ),
      );
    try {
      await boundedWait(close, { timeoutMs: CLOSE_TIMEOUT_MS, graceMs: 0, interrupt: giveUp });
    } catch (error) {
      notices.report(toError(error));
    }
  }

  async #untilIdle(signal: AbortSignal): Promise<void> {
    const { backend, dispatcher, recorder } = this.parts;
    for (;;) {
      signal.throwIfAborted();
      await recorder?.idle(signal);
      await backend.idle?.(signal);
      if (!this.#emitting && dispatcher.running === 0) return;
      await pause();
    }
  }

  /** Something is on its way to the store or the backend. */
  get #emitting(): boolean {
    const { publisher, recorder } = this.parts;
    return publisher.pending > 0 || (recorder !== undefined && recorder.pending > 0);
  }
}

/** Errors of ours say what to do; others are told where they come from. */
async function begun(problem: string, begin: () => Promise<void>): Promise<void> {
  try {
    await begin();
  } catch (cause) {
    if (cause instanceof EventError) throw cause;
    throw new EventBusNotReadyError(`${problem}: ${toError(cause).message}`, { cause });
  }
}

function shuttingDown(): Error {
  return new EventBusClosedError('The event bus cannot start: it is being shut down.');
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
