import { setTimeout } from 'node:timers/promises';
import { after } from '../../timer.js';
import { ALL_HANDLERS, type DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Delivery, EventDispatcher } from '../backend.js';
import type { Event } from '../../event.js';
import { readMessage, type Fields } from './codec.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { LAST_IDS } from './scripts/upkeep.js';
import type { BlockingReader } from './reader.js';
import { within } from '../../clients/in-time.js';
import { insist } from '../../clients/insist.js';

const COUNT = 100;
const RETRY_MS = 200;
/** A read that should have ended this long ago is cut off. */
const STOP_GRACE_MS = 500;

/**
 * Gives every event from now on to the broadcast handlers of this process. Nothing about them is stored: what a
 * process misses while it is down stays missed, and retries are timers.
 */
export class Broadcaster {
  /** By stream, the last entry that was seen. */
  readonly #cursors = new Map<string, string>();
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #onIdle: (() => void) | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #retries = new Set<() => void>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly streams: readonly string[],
    private readonly reader: BlockingReader,
    private readonly dispatch: EventDispatcher,
    private readonly deadLetters: DeadLetterStore,
    private readonly concurrency: number,
    private readonly report: (error: Error) => void,
  ) {}

  /** Deliveries that run or wait for a retry. */
  get busy(): number {
    return this.#running.size + this.#retries.size;
  }

  /** Events from now on are for this process. */
  async prepare(): Promise<void> {
    const ids = (await this.connection.run(LAST_IDS, this.streams, [])) as string[];
    this.streams.forEach((stream, i) => this.#cursors.set(stream, ids[i]!));
  }

  start(): void {
    this.#loop = this.#readUntilStopped();
  }

  /** Stops reading and forgets retries; resolves when the read has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#onIdle?.();
    for (const cancel of this.#retries) cancel();
    this.#retries.clear();
    this.reader.interrupt();
    await within(this.reader.blockMs + STOP_GRACE_MS, this.#loop);
    this.reader.close();
  }

  /** Resolves when no handler runs. */
  async finished(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #readUntilStopped(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#running.size >= this.concurrency) {
        await new Promise<void>((resolve) => (this.#onIdle = resolve));
        continue;
      }
      try {
        const places = [...this.#cursors.keys(), ...this.#cursors.values()];
        for (const [name, entries] of await this.reader.read('xread', ['COUNT', COUNT], places)) {
          // The client's key prefix, if any, is part of the name here.
          await this.#deliverAll(
            this.streams.find((stream) => name.endsWith(stream))!,
            entries,
          );
        }
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.report(error as Error);
        await setTimeout(RETRY_MS);
      }
    }
  }

  async #deliverAll(
    stream: string,
    entries: readonly (readonly [id: string, fields: Fields])[],
  ): Promise<void> {
    for (const [id, fields] of entries) {
      while (this.#running.size >= this.concurrency && !this.#stop.signal.aborted) {
        await new Promise<void>((resolve) => (this.#onIdle = resolve));
      }
      if (this.#stop.signal.aborted) return;
      this.#cursors.set(stream, id);
      const event = this.#read(fields);
      if (event) this.#run(event, { audience: 'broadcast' });
    }
  }

  /** An unreadable entry becomes a dead letter of the group, which reads it as well. */
  #read(fields: Fields): Event | undefined {
    try {
      return readMessage(fields).event;
    } catch {
      return undefined;
    }
  }

  #run(event: Event, delivery: Delivery): void {
    const running = this.#deliver(event, delivery)
      .catch(this.report)
      .finally(() => {
        this.#running.delete(running);
        this.#onIdle?.();
      });
    this.#running.add(running);
  }

  async #deliver(event: Event, delivery: Delivery): Promise<void> {
    const { retries, deadLetters, resolved } = await this.dispatch(event, delivery);
    for (const { handlerId, attempt, attempts, deferrals, delayMs } of retries) {
      if (this.#stop.signal.aborted) break;
      const cancel = after(delayMs, () => {
        this.#retries.delete(cancel);
        const everyone = handlerId === ALL_HANDLERS;
        this.#run(event, {
          audience: 'broadcast',
          attempt,
          attempts,
          deferrals,
          ...(!everyone && { handlerId }),
        });
      });
      this.#retries.add(cancel);
    }
    await this.#keep(() => this.deadLetters.add(deadLetters));
    for (const id of resolved) {
      await this.#keep(async () => void (await this.deadLetters.transition(id, 'retrying', 'resolved')));
    }
  }

  async #keep(write: () => Promise<void>): Promise<void> {
    await insist(write, this.#stop.signal, this.report);
  }
}
