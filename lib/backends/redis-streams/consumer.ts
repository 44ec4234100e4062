import { setTimeout } from 'node:timers/promises';
import { Claim } from './claim.js';
import type { Keys } from './keys.js';
import type { Member } from './leases.js';
import type { BlockingReader, StreamBatch } from './reader.js';
import type { ServerClock } from './server-clock.js';
import { within } from '../../clients/in-time.js';
import type { Workers } from './workers.js';

const RETRY_MS = 200;
/** A read that should have ended this long ago is cut off. */
const STOP_GRACE_MS = 500;

/** The parts that a consumer works with. */
export interface ConsumerParts {
  readonly keys: Keys;
  readonly member: Member;
  readonly reader: BlockingReader;
  readonly clock: ServerClock;
  readonly leaseMs: number;
  readonly workers: Workers;
  /** Creates the group where it is missing. */
  readonly createGroups: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/** Reads what is new for the group, as much as the workers have room for. */
export class Consumer {
  /** Whether the last read worked. */
  connected = true;
  #stopping = false;
  #retryStreamBusy = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(private readonly parts: ConsumerParts) {}

  start(): void {
    this.#loop = this.#readUntilStopped();
  }

  /** Resolves when the last read has ended. */
  async stop(): Promise<void> {
    const { reader, workers } = this.parts;
    this.#stopping = true;
    workers.stop();
    reader.interrupt();
    await within(reader.blockMs + STOP_GRACE_MS, this.#loop);
    reader.close();
  }

  async #readUntilStopped(): Promise<void> {
    const { workers } = this.parts;
    while (!this.#stopping) {
      const room = workers.room;
      if (room < 1) {
        await workers.roomFreed();
        continue;
      }
      try {
        await this.#read(Math.min(room, workers.batchSize));
        this.connected = true;
      } catch (error) {
        await this.#recover(error as Error);
      }
    }
  }

  async #read(most: number): Promise<void> {
    const { keys, member, reader, clock, workers } = this.parts;
    // COUNT holds for each of the two streams.
    const count = this.#retryStreamBusy ? Math.ceil(most / 2) : most;
    const sentAt = clock.now();
    const batches = await reader.read(
      'xreadgroup',
      ['GROUP', member.group, member.consumer, 'COUNT', count],
      [keys.stream, keys.retry, '>', '>'],
    );
    this.#retryStreamBusy = false;
    for (const batch of batches) workers.accept(this.#claimsOf(batch, sentAt));
  }

  #claimsOf([name, entries]: StreamBatch, sentAt: number): Claim[] {
    const { keys, leaseMs } = this.parts;
    // The client's key prefix, if any, is part of the name here.
    const isRetry = name.endsWith(keys.retry);
    if (isRetry) this.#retryStreamBusy = true;
    const stream = isRetry ? keys.retry : keys.stream;
    return entries.map(([id, fields]) => new Claim(stream, id, fields, sentAt + leaseMs, 1));
  }

  /** A database that was flushed, or a failover that lost the group: begin again at the start, not at the end. */
  async #recover(error: Error): Promise<void> {
    if (this.#stopping) return;
    try {
      if (/^(NOGROUP|UNBLOCKED)/.test(error.message)) return await this.parts.createGroups();
    } catch (second) {
      error = second as Error;
    }
    if (this.connected) this.parts.report(error);
    this.connected = false;
    await setTimeout(RETRY_MS);
  }
}
