import type { BaseRpcContext } from '@nestjs/microservices';
import type { Subscription } from 'rxjs';
import { within } from '../../clients/in-time.js';
import { EventTimeoutError } from '../../errors.js';
import { inTime, pause } from '../../timer.js';
import type { Carrier, ListeningServer } from './carrier.js';
import { reasonOf } from './failure.js';
import { USER } from './options.js';
import { CONFIRMATION } from './packet.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
const BEAT_MS = 2000;
const ARRIVAL_MS = 2000;
/** What servers of Nest call their state while events arrive. */
const UP = new Set(['connected', 'blocked', 'unblocked']);
/** A server that cannot end in good order is ended after so long. */
const CLOSE_MS = 1000;

/** What the listener works with. */
export interface ListenerParts {
  readonly server: ListeningServer;
  readonly carrier: Carrier;
  /** What to listen to. */
  readonly channels: readonly string[];
  readonly receive: (payload: unknown, context: BaseRpcContext) => void;
  readonly report: (error: Error) => void;
}

/** Runs a server of Nest without a Nest microservice around it. */
export class Listener {
  readonly #closing = new AbortController();
  #status: Subscription | undefined;
  #beat: NodeJS.Timeout | undefined;
  #connected = false;

  constructor(private readonly parts: ListenerParts) {
    const { server, channels, receive } = parts;
    const handler = async (payload: unknown, context: BaseRpcContext) => receive(payload, context);
    for (const channel of channels) server.addHandler(channel, handler, true);
    // Everything that arrives is for the one handler; what it was asked for by, Nest would read as JSON or as a wildcard.
    server.getHandlerByPattern = (pattern) => (pattern === CONFIRMATION ? null : handler);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Resolves when events arrive. @throws {EventTimeoutError} when they do not in time. */
  async start(timeoutMs: number): Promise<void> {
    const { server, carrier, report } = this.parts;
    const deadline = performance.now() + timeoutMs;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        const left = Math.max(1, Math.ceil(deadline - performance.now()));
        await inTime(this.#listen(), left, () => new Error('no connection'));
        break;
      } catch (cause) {
        ignoring(() => carrier.abort?.(server));
        const why = reasonOf(cause);
        if (performance.now() + wait >= deadline || this.#closing.signal.aborted) {
          throw new EventTimeoutError(
            `${USER} could not listen to ${carrier.name} within ${timeoutMs} ms: ${why}. Check that it runs, and 'options'.`,
          );
        }
        if (wait === FIRST_RETRY_MS)
          report(new Error(`${USER} cannot listen to ${carrier.name} yet: ${why}. It tries again.`));
        await pause(wait, this.#closing.signal);
      }
    }
    await this.#arrived();
    this.#connected = true;
    this.#status = server.status.subscribe((status) => void this.#changed(String(status)));
    if (carrier.beats !== true) return;
    this.#beat = setInterval(() => void carrier.arrived!(server).catch(() => undefined), BEAT_MS);
    this.#beat.unref();
  }

  /** Resolves when what was sent to this process is here, with how many more events the broker has for its service. */
  async arrived(): Promise<number> {
    return this.#connected ? this.#arrived() : 0;
  }

  async close(): Promise<void> {
    const { server, carrier } = this.parts;
    this.#closing.abort();
    clearInterval(this.#beat);
    this.#status?.unsubscribe();
    if (!this.#connected) ignoring(() => carrier.abort?.(server));
    await within(
      CLOSE_MS,
      (async () => server.close())().catch(() => undefined), // what is left of it was never there
    );
  }

  /** A server calls back once: with an error, or when it listens. */
  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const called = (error?: unknown) => {
        if (error === undefined || error === null) resolve();
        else reject(new Error(reasonOf(error)));
      };
      void (async () => this.parts.server.listen(called))().catch(reject);
    });
  }

  async #changed(status: string): Promise<void> {
    const { carrier, report } = this.parts;
    if (UP.has(status)) {
      // Connected is not yet subscribed again.
      if (!this.#connected) await this.#arrived();
      this.#connected = true;
    } else if (this.#connected) {
      this.#connected = false;
      report(new Error(`${USER} lost the connection to ${carrier.name} that it listens over.`));
    }
  }

  async #arrived(): Promise<number> {
    const { server, carrier } = this.parts;
    let left: unknown = 0;
    // Where the connection is gone, all of it is.
    const asked = carrier.arrived?.(server).then(
      (count) => (left = count),
      () => undefined,
    );
    if (asked !== undefined) await within(ARRIVAL_MS, asked);
    return typeof left === 'number' ? left : 0;
  }
}

function ignoring(work: () => void): void {
  try {
    work();
  } catch {
    // There is nothing to end yet.
  }
}
