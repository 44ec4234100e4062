import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Requests } from '../../clients/nats/requests.js';
import { within } from '../../clients/in-time.js';
import { readEvent } from '../../clients/nats/cloud-event-message.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import { after } from '../../timer.js';
import type { EventDispatcher, HandlerRetry } from '../backend.js';
import { Lookahead } from '../shared/lookahead.js';
import { Suspects } from '../shared/suspects.js';
import { Workers } from '../shared/workers.js';
import { Claim } from './claim.js';
import { Leases } from './leases.js';
import { dueAt, readFacts, SOON_MS } from './message.js';
import type { ConsumerName } from './names.js';
import { Puller } from './puller.js';
import { Settler } from './settler.js';

/** How long a drain waits for the server to take what is known. */
const FLUSH_MS = 2000;
/** Messages in memory at most, unless `concurrency` is higher: with fewer, the server waits for requests. */
const MAX_IN_MEMORY = 1000;

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly nc: NatsConnection;
  readonly connected: () => boolean;
  readonly requests: Requests;
  /** A subject that is unique to this process, without wildcards. */
  readonly inbox: string;
  readonly stream: string;
  readonly consumers: readonly ConsumerName[];
  /** Whose handlers are to be called. */
  readonly audience: 'group' | 'broadcast';
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly deadLetters: DeadLetterStore;
  readonly dispatch: EventDispatcher;
  readonly retry: (event: Event, retry: HandlerRetry, id: string) => Promise<unknown>;
  /** Counts durably how often a message was begun with; resolves with the count before. */
  readonly begin: (claim: Claim) => Promise<number>;
  /** Whether to acknowledge a message and do nothing about it. Default: no. */
  readonly passesOver?: (claim: Claim) => boolean;
  /** Forgets that count. */
  readonly end: (claim: Claim) => void;
  /** Asks for the state of a consumer. */
  readonly look: (consumer: string) => Promise<unknown>;
  readonly ensure: () => Promise<void>;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Takes messages, as many as there is room for, and takes the consuming side of a process down in order. */
export class Consumer {
  readonly #leases: Leases;
  readonly #settler: Settler;
  readonly #workers: Workers<Claim>;
  readonly #lookahead: Lookahead;
  readonly #pullers: readonly Puller[];
  /** Calls off the waiting for what is due soon. */
  readonly #soon = new Map<Claim, () => void>();
  #lost = 0;
  #reported = 0;
  #stopping = false;
  #draining: Promise<void> | undefined;

  constructor(private readonly context: ConsumerContext) {
    const { requests, leaseMs, concurrency, maxDeliveries, consumers, begin, end } = context;
    this.#leases = new Leases(requests, leaseMs, () => {
      this.#lost++;
      this.#poke();
    });
    const suspects = new Suspects(maxDeliveries, timesTaken, begin);
    const settled = (claims: readonly Claim[]) => {
      for (const claim of claims) if (suspects.isOne(claim)) end(claim);
      this.#poke();
    };
    this.#settler = new Settler({ ...context, leases: this.#leases, settled });
    this.#lookahead = new Lookahead(concurrency, MAX_IN_MEMORY);
    this.#workers = new Workers({
      ...context,
      leases: this.#leases,
      settler: this.#settler,
      lookahead: this.#lookahead,
      suspects,
      read: (claim) => {
        if (claim.kind === 'retry') claim.facts = readFacts(claim.message);
        return readEvent(claim.message);
      },
      idOf: ({ sequence }) => `message:${sequence}`,
    });
    this.#workers.onRoom = () => this.#poke();
    this.#pullers = consumers.map(
      ({ kind, name }) =>
        new Puller({
          ...context,
          look: () => context.look(name),
          inbox: `${context.inbox}.${kind}`,
          consumer: name,
          room: () => this.#room,
          // Requests stay large: none until half of the lookahead is used up.
          least: () => Math.max(1, this.#lookahead.size / 2),
          onMessage: (message) => this.#take(message, kind),
        }),
    );
  }

  /** Whether the server answers. */
  get consuming(): boolean {
    return this.#pullers.every(({ ok }) => ok);
  }

  get busy(): boolean {
    return this.#leases.size + this.#settler.size > 0;
  }

  start(): void {
    this.#leases.start();
    for (const puller of this.#pullers) puller.start();
  }

  /** The connection is there again. */
  reconnected(): void {
    for (const puller of this.#pullers) puller.restart();
  }

  counters(): Readonly<Record<string, number>> {
    const { running, buffered } = this.#workers;
    return { inFlight: running, buffered, stale: this.#settler.stale + this.#lost };
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

  #take(message: Msg, kind: ConsumerName['kind']): void {
    // It may be somebody else's by now. If it is not, it comes again.
    if (this.#leases.stalled) return;
    const { leaseMs, audience, passesOver } = this.context;
    const claim = new Claim(message, kind, leaseMs, audience);
    if (passesOver?.(claim) === true) return this.#settler.handled(claim);
    const waitMs = kind === 'event' ? 0 : dueAt(message) - Date.now();
    if (waitMs <= 0) this.#workers.accept(claim);
    else if (this.#stopping || waitMs > SOON_MS) this.#settler.postpone(claim, waitMs);
    else this.#wait(claim, waitMs);
  }

  #wait(claim: Claim, ms: number): void {
    this.#leases.add(claim);
    const begin = () => {
      this.#soon.delete(claim);
      this.#workers.accept(claim);
    };
    this.#soon.set(claim, after(Math.ceil(ms), begin));
  }

  #poke(): void {
    if (this.#stopping) return;
    for (const puller of this.#pullers) puller.poke();
  }

  get #room(): number {
    return this.context.concurrency + this.#lookahead.size - this.#leases.size;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    for (const [claim, cancel] of this.#soon) {
      cancel();
      this.#workers.accept(claim); // which gives it back with all else that waits
    }
    await this.#workers.drain(signal, Promise.all(this.#pullers.map((puller) => puller.stop())));
    if (this.context.connected()) await within(FLUSH_MS, this.#settler.stored());
  }
}

/** What waits for its time is handed out once to find that out. */
function timesTaken({ deliveries, kind }: Claim): number {
  return deliveries - (kind === 'event' ? 0 : 1);
}
