import { setTimeout } from 'node:timers/promises';
import { HANDLED_NOW, type DispatchOutcome, type EventDispatcher } from '../backend.js';
import type { Acks } from './acks.js';
import { Claim } from './claim.js';
import { readMessage, type Message } from './codec.js';
import type { Keys } from './keys.js';
import type { Leases, Member } from './leases.js';
import { Lookahead } from './lookahead.js';
import type { BlockingReader, StreamBatch } from './reader.js';
import type { Rejects } from './rejects.js';
import type { ServerClock } from './server-clock.js';
import type { Settler } from './settler.js';
import { within } from './waiting.js';

/** Handlers that never wait may keep the event loop for this long at a stretch. */
const SLICE_MS = 8;
const RETRY_MS = 200;
/** A read that should have ended this long ago is cut off. */
const STOP_GRACE_MS = 500;

/** The parts that a consumer works with. */
export interface ConsumerParts {
  readonly keys: Keys;
  readonly member: Member;
  readonly reader: BlockingReader;
  readonly clock: ServerClock;
  readonly leases: Leases;
  readonly acks: ReadonlyMap<string, Acks>;
  readonly settler: Settler;
  readonly rejects: Rejects;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly dispatch: EventDispatcher;
  /** Creates the group where it is missing. */
  readonly createGroups: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/** Reads what is new for the group and runs it, `concurrency` deliveries at once. */
export class Consumer {
  readonly #buffer: Claim[] = [];
  readonly #lookahead: Lookahead;
  readonly #running = new Map<Claim, Promise<void>>();
  #pumpDue = false;
  #stopping = false;
  #retryStreamBusy = false;
  #onRoom: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();
  /** Whether the last read worked. */
  connected = true;

  constructor(private readonly parts: ConsumerParts) {
    this.#lookahead = new Lookahead(parts.concurrency);
  }

  /** Deliveries whose handlers are running. */
  get running(): number {
    return this.#running.size;
  }

  /** Deliveries that wait in memory for a free place. */
  get buffered(): number {
    return this.#buffer.length;
  }

  start(): void {
    this.#loop = this.#readUntilStopped();
  }

  /** Stops reading. What runs goes on; what was not started goes to other processes at once. */
  async stop(): Promise<void> {
    const { reader, settler } = this.parts;
    this.#stopping = true;
    this.#onRoom?.();
    for (const claim of this.#buffer.splice(0)) settler.handBack(claim);
    reader.interrupt();
    await within(reader.blockMs + STOP_GRACE_MS, this.#loop);
    reader.close();
  }

  /** Resolves when no handler runs. */
  async finished(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Tells running handlers to stop. */
  abortRunning(): void {
    for (const claim of this.#running.keys()) claim.abort();
  }

  /** Gives away what still runs; its outcome will not count any more. */
  handBackRunning(): void {
    for (const claim of this.#running.keys()) {
      if (!claim.lost) this.parts.settler.handBack(claim);
    }
  }

  /** Takes in entries that were read or reclaimed. They start in this turn of the event loop, after its callbacks. */
  accept(claims: readonly Claim[]): void {
    for (const claim of claims) {
      this.parts.leases.add(claim);
      if (this.#stopping) this.parts.settler.handBack(claim);
      else this.#buffer.push(claim);
    }
    this.#pumpLater();
  }

  /** Entries that may be taken in now. None until half of the lookahead is used up, so that reads stay large. */
  get room(): number {
    const ahead = this.#lookahead.size;
    const used = this.#running.size + this.#buffer.length + this.parts.settler.size;
    const room = this.parts.concurrency + ahead - used;
    return room < ahead / 2 ? 0 : room;
  }

  async #readUntilStopped(): Promise<void> {
    while (!this.#stopping) {
      const room = this.room;
      if (room < 1) {
        await new Promise<void>((resolve) => (this.#onRoom = resolve));
        this.#onRoom = undefined;
        continue;
      }
      try {
        await this.#read(room);
        this.connected = true;
      } catch (error) {
        await this.#recover(error as Error);
      }
    }
  }

  async #read(room: number): Promise<void> {
    const { keys, member, reader, clock, concurrency } = this.parts;
    // COUNT holds for each of the two streams.
    const most = this.#retryStreamBusy ? Math.ceil(room / 2) : room;
    // Redis prepares one half of the lookahead while the other one is handled.
    const count = Math.min(most, Math.max(concurrency, Math.ceil(this.#lookahead.size / 2)));
    const sentAt = clock.now();
    const batches = await reader.read(
      'xreadgroup',
      ['GROUP', member.group, member.consumer, 'COUNT', count],
      [keys.stream, keys.retry, '>', '>'],
    );
    this.#retryStreamBusy = false;
    for (const batch of batches) this.accept(this.#claimsOf(batch, sentAt));
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

  /** Starts what may start. Handlers that never wait are interrupted for reads, and for whatever else there is. */
  #pump(): void {
    const startedAt = performance.now();
    let events = 0;
    while (this.#buffer.length > 0 && this.#running.size < this.parts.concurrency) {
      const before = this.#running.size;
      this.#start(this.#buffer.shift()!);
      if (this.#running.size > before) continue;
      if ((++events & 15) !== 0) continue;
      if (performance.now() - startedAt < SLICE_MS && !(this.#onRoom && this.room > 0)) continue;
      this.#pumpLater();
      break;
    }
    if (events > 0) this.#lookahead.ranSync(performance.now() - startedAt, events);
    if (this.#onRoom && this.room > 0) this.#onRoom();
  }

  #pumpLater(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #start(claim: Claim): void {
    // Lost while it waited: somebody else runs it.
    if (claim.lost) return;
    let message: Message;
    try {
      message = readMessage(claim.fields);
    } catch (error) {
      void this.parts.rejects.unreadable(claim, error as Error);
      return;
    }
    claim.open(message.envelope);
    if (this.parts.rejects.crashLooping(claim, message)) return;
    const outcome = this.parts.dispatch(message.event, claim);
    if (outcome === HANDLED_NOW) return this.#handled(claim);
    this.#running.set(claim, this.#finish(claim, message, outcome));
  }

  async #finish(claim: Claim, { event, wire }: Message, dispatched: Promise<DispatchOutcome>): Promise<void> {
    const startedAt = performance.now();
    try {
      const { retries, deadLetters, resolved, released } = await dispatched;
      const again = released.map((retry) => ({ ...retry, delayMs: 0 }));
      const decision = { retries: [...retries, ...again], deadLetters, resolved };
      if (claim.lost) return;
      if (decision.retries.length + deadLetters.length + resolved.length === 0) this.#handled(claim);
      else void this.parts.settler.settle(claim, event.id, wire, decision).then(() => this.#onRoom?.());
    } catch (error) {
      // A dispatcher never throws; if it does, the lease ends and the entry is delivered again.
      this.parts.leases.release(claim);
      this.parts.report(error as Error);
    } finally {
      this.#running.delete(claim);
      this.#lookahead.ranAsync(performance.now() - startedAt);
      this.#pump();
    }
  }

  #handled(claim: Claim): void {
    this.parts.acks.get(claim.stream)!.add(claim);
  }
}
