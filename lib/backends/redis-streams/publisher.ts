// Not the global, so that the fake timers of a test do not stop publishing.
import { setImmediate } from 'node:timers';
import { EventBusClosedError, EventConfigurationError, EventPublishError } from '../../errors.js';
import type { RedisClient, RedisConnection } from './connection.js';
import { PUBLISH, SCHEDULE } from './scripts/publishing.js';
import { payloadOf } from './codec.js';

/**
 * One script call carries at most this much, so that it never holds up Redis for long, and Redis works on it while
 * the next events of a burst are being made.
 */
const MAX_BATCH_EVENTS = 80;
const MAX_BATCH_CHARS = 1_000_000;

/** Events of one tick, and who waits for each. */
class Batch {
  readonly wires: string[] = [];
  readonly waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  chars = 0;

  get full(): boolean {
    return this.wires.length >= MAX_BATCH_EVENTS || this.chars >= MAX_BATCH_CHARS;
  }

  add(wire: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.wires.push(wire);
      this.waiters.push({ resolve, reject });
      this.chars += wire.length;
    });
  }

  /** Settles every event: the failed ones reject, the others resolve. */
  settle(failures: ReadonlyMap<number, Error>): void {
    this.waiters.forEach(({ resolve, reject }, index) => {
      const failure = failures.get(index);
      if (failure) reject(failure);
      else resolve();
    });
  }

  fail(error: Error): void {
    for (const { reject } of this.waiters) reject(error);
  }
}

const NO_FAILURES: ReadonlyMap<number, Error> = new Map();

/**
 * Appends events. Those published within one turn of the event loop share round trips; there is no timer, so nobody
 * waits for company.
 */
export class Publisher {
  #batch: Batch | undefined;
  readonly #sending = new Set<Promise<void>>();
  /** One for each send under way: aborts when it is out of time, or the publisher closes. */
  readonly #limits = new Set<AbortController>();
  #closed = false;

  constructor(
    private readonly connection: RedisConnection,
    private readonly stream: string,
    private readonly timeoutMs: number,
  ) {}

  /** Events that Redis has not confirmed yet. */
  get unconfirmed(): boolean {
    return this.#batch !== undefined || this.#sending.size > 0;
  }

  /** Appends an event to the stream; resolves when Redis has it. */
  publish(wire: string): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    const batch = (this.#batch ??= this.#begin());
    const stored = batch.add(wire);
    if (batch.full) this.#launch(batch);
    return stored;
  }

  /** Puts a delayed event on the schedule. */
  async schedule(keys: readonly string[], id: string, delayMs: number, wire: string): Promise<void> {
    await this.bounded(
      () => this.connection.run(SCHEDULE, keys, [id, Math.ceil(delayMs), payloadOf(wire)]),
      1,
    );
  }

  /**
   * Sends something within the time limit.
   *
   * @throws {EventPublishError} when Redis does not confirm it. What had been sent may be stored nevertheless; what
   *   waited for a connection is not.
   * @throws {EventConfigurationError} when ioredis is missing.
   */
  async bounded<T>(send: (client: RedisClient) => Promise<T>, events: number): Promise<T> {
    if (this.#closed) throw closedError();
    const limit = new AbortController();
    this.#limits.add(limit);
    const timer = setTimeout(
      () => limit.abort(new Error(`no reply within ${this.timeoutMs} ms`)),
      this.timeoutMs,
    );
    const late = aborted(limit.signal);
    try {
      const client = this.connection.usable ?? (await Promise.race([this.connection.ready(), late]));
      return await Promise.race([send(client), late]);
    } catch (cause) {
      if (cause instanceof EventConfigurationError) throw cause;
      const subject = events === 1 ? 'the event' : `${events} events`;
      const why = (cause as Error).message;
      throw new EventPublishError(`Redis did not confirm ${subject}: ${why}. It may or may not be stored.`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
      this.#limits.delete(limit);
    }
  }

  /** Waits until everything accepted so far is confirmed or refused. */
  async flush(): Promise<void> {
    if (this.#batch !== undefined) this.#launch(this.#batch);
    await Promise.all(this.#sending);
  }

  /** Refuses everything from now on, and what is still unconfirmed. */
  close(): void {
    this.#closed = true;
    for (const limit of this.#limits) limit.abort(new Error('the backend was closed'));
  }

  #begin(): Batch {
    const batch = new Batch();
    setImmediate(() => this.#launch(batch));
    return batch;
  }

  /** Sends a batch that is full, or whose turn of the event loop is over. */
  #launch(batch: Batch): void {
    if (this.#batch !== batch) return; // it was full, and has gone
    this.#batch = undefined;
    const sending = this.#send(batch).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  async #send(batch: Batch): Promise<void> {
    try {
      const failures = await this.bounded((client) => this.#append(client, batch.wires), batch.wires.length);
      batch.settle(failures);
    } catch (error) {
      batch.fail(error as Error);
    }
  }

  /** A script costs a lone event more than it saves. */
  async #append(client: RedisClient, wires: readonly string[]): Promise<ReadonlyMap<number, Error>> {
    if (wires.length === 1) {
      await client.xadd(this.stream, '*', 'event', wires[0]!);
      return NO_FAILURES;
    }
    const reply = (await this.connection.run(PUBLISH, [this.stream], wires)) as (number | string)[] | null;
    if (reply === null) return NO_FAILURES;
    const failures = new Map<number, Error>();
    for (let i = 0; i < reply.length; i += 2) {
      const cause = new Error(String(reply[i + 1]));
      const error = new EventPublishError(`Redis refused the event: ${cause.message}`, { cause });
      failures.set((reply[i] as number) - 1, error);
    }
    return failures;
  }
}

function closedError(): Error {
  return new EventBusClosedError('RedisStreamsBackend is closed. Publish before close().');
}

/** Rejects when the signal aborts; never resolves. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
