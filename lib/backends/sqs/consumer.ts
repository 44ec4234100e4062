import type { Message } from '@aws-sdk/client-sqs';
import { BatchCalls } from '../../clients/aws/batch-calls.js';
import type { QueueApi, VisibilityChange } from '../../clients/aws/queue-api.js';
import { within } from '../../clients/in-time.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { after } from '../../timer.js';
import type { EventDispatcher } from '../backend.js';
import { Lookahead } from '../shared/lookahead.js';
import { Workers } from '../shared/workers.js';
import { Claim } from './claim.js';
import type { Envelopes } from './envelopes.js';
import { FifoSettler } from './fifo-settler.js';
import { Lanes } from './lanes.js';
import { Leases } from './leases.js';
import { readEvent, readFacts } from './message.js';
import { Receiver } from './receiver.js';
import { Settler, type SettlerParts } from './settler.js';
import { Turns } from './turns.js';

/** How long a drain waits for SQS to take what is known. */
const FLUSH_MS = 2000;
/** What is due so soon is waited for here: SQS counts in seconds. */
const SOON_MS = 1000;
/** Messages that may wait here for their time beside those that there is room for. */
const MOST_SOON = 1000;

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly api: QueueApi;
  readonly queueUrl: string;
  readonly fifo: boolean;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly waitTimeSeconds: number;
  readonly envelopes: Envelopes;
  readonly send: SettlerParts['send'];
  readonly deadLetters: DeadLetterStore | undefined;
  readonly dispatch: EventDispatcher;
  readonly ensure: () => Promise<unknown>;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Takes messages, as many as there is room for, and takes the consuming side of a process down in order. */
export class Consumer {
  readonly #leases: Leases;
  readonly #settler: Settler;
  readonly #workers: Workers<Claim>;
  readonly #lookahead: Lookahead;
  readonly #receiver: Receiver;
  readonly #lanes = new Lanes();
  readonly #turns: Turns;
  /** Calls off the waiting for what is due soon. */
  readonly #soon = new Map<Claim, () => void>();
  #lost = 0;
  #reported = 0;
  #stopping = false;
  #draining: Promise<void> | undefined;

  constructor(private readonly context: ConsumerContext) {
    const { api, queueUrl, leaseMs, concurrency, maxDeliveries, waitTimeSeconds, report } = context;
    const visibility = new BatchCalls<VisibilityChange>({
      call: (changes) => api.changeVisibility(queueUrl, changes),
    });
    const onLost = (claim: Claim) => {
      this.#lost++;
      this.#left(claim);
    };
    this.#leases = new Leases({ visibility, leaseMs, onLost, report });
    const parts: SettlerParts = {
      ...context,
      visibility,
      deletion: new BatchCalls({ call: (receipts) => api.delete(queueUrl, receipts) }),
      leases: this.#leases,
      settled: (claim) => this.#left(claim),
    };
    this.#settler = context.fifo
      ? new FifoSettler({ ...parts, again: (claim, ms) => this.#hold(claim, ms) })
      : new Settler(parts);
    this.#turns = new Turns({
      maxDeliveries,
      count: (claim, begun) => this.#settler.replace(claim, context.envelopes.counted(claim.message, begun)),
      run: (claim) => this.#workers.accept(claim),
    });
    this.#lookahead = new Lookahead(concurrency);
    this.#workers = new Workers({
      ...context,
      leases: this.#leases,
      settler: this.#settler,
      lookahead: this.#lookahead,
      read: (claim) => {
        claim.facts ??= readFacts(claim.message);
        return readEvent(claim.message);
      },
      idOf: ({ message }) => `message:${message.MessageId}`,
      // Where the order counts, a copy has no place: SQS counts what it hands out.
      crashes: (claim) => (context.fifo ? claim.taken : this.#turns.begunOf(claim)),
    });
    this.#workers.onRoom = () => this.#receiver.poke();
    this.#receiver = new Receiver({
      ...context,
      receive: (request) =>
        api.receive(queueUrl, {
          ...request,
          waitSeconds: waitTimeSeconds,
          visibilitySeconds: leaseMs / 1000,
        }),
      room: () => this.#room,
      busy: () => this.#workers.running + this.#workers.buffered > 0,
      onMessage: (message) => this.#take(message),
    });
  }

  /** Whether SQS answers. */
  get consuming(): boolean {
    return this.#receiver.ok;
  }

  get busy(): boolean {
    return this.#leases.size + this.#settler.size > 0;
  }

  start(): void {
    this.#leases.start();
    this.#receiver.poke();
  }

  counters(): Readonly<Record<string, number>> {
    const { running, buffered } = this.#workers;
    return {
      inFlight: running,
      buffered: buffered + this.#soon.size + this.#turns.size,
      stale: this.#settler.stale + this.#lost,
    };
  }

  /** @returns How many messages were given back since the last call. */
  async drain(signal: AbortSignal): Promise<number> {
    await (this.#draining ??= this.#drain(signal));
    const given = this.#settler.released - this.#reported;
    this.#reported += given;
    return given;
  }

  /** Ends what is left. Call {@link drain} first. */
  close(): void {
    this.#settler.stop();
    this.#leases.stop();
  }

  #take(message: Message): void {
    // It may be somebody else's by now. If it is not, it comes again.
    if (this.#leases.stalled) return;
    const claim = new Claim(message, this.context.leaseMs);
    this.#leases.add(claim);
    const waitMs = claim.remainingMs;
    if (waitMs > SOON_MS && !this.context.fifo)
      this.#settler.replace(claim, this.context.envelopes.onward(message, waitMs));
    else if (this.#lanes.enter(claim)) this.#run(claim, waitMs);
  }

  #run(claim: Claim, waitMs: number): void {
    if (waitMs > 0) this.#hold(claim, waitMs);
    else if (!this.#stopping && !this.context.fifo && this.#turns.isSuspect(claim)) this.#turns.add(claim);
    else this.#workers.accept(claim);
  }

  #hold(claim: Claim, ms: number): void {
    if (this.#stopping) return this.#workers.accept(claim); // which gives it back
    const begin = () => {
      this.#soon.delete(claim);
      if (!claim.lost) this.#run(claim, 0);
      this.#receiver.poke();
    };
    this.#soon.set(claim, after(Math.ceil(ms), begin));
  }

  #left(claim: Claim): void {
    this.#turns.left(claim);
    const next = this.#lanes.leave(claim);
    if (next !== undefined && !next.lost) {
      // Behind one that is somebody else's now, it must not run here.
      if (claim.lost) this.#settler.release(next);
      else this.#run(next, next.remainingMs);
    }
    this.#receiver.poke();
  }

  get #room(): number {
    const waiting = Math.min(this.#soon.size + this.#turns.size, MOST_SOON);
    return this.context.concurrency + this.#lookahead.size + waiting - this.#leases.size;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    const waiting = [...this.#soon.keys(), ...this.#turns.clear(), ...this.#lanes.clear()];
    for (const cancel of this.#soon.values()) cancel();
    this.#soon.clear();
    const stopped = this.#receiver.stop();
    this.#workers.stop();
    for (const claim of waiting) this.#workers.accept(claim); // which gives it back with all else that waits
    await this.#workers.drain(signal, stopped);
    await within(FLUSH_MS, this.#settler.stored());
  }
}
