import type { ConsumeMessage } from 'amqplib';
import type { Outgoing } from '../../clients/amqp/confirmed-sender.js';
import type { AmqpClient } from '../../clients/amqp/connection.js';
import { type Session, Tap } from '../../clients/amqp/tap.js';
import { within } from '../../clients/in-time.js';
import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import type { EventDispatcher, HandlerRetry } from '../backend.js';
import { Lookahead } from '../shared/lookahead.js';
import { harmlessOf } from '../shared/suspects.js';
import { Workers } from '../shared/workers.js';
import { Claim } from './claim.js';
import { SOON_MS } from './delays.js';
import { readContent, remainingMs, sameAgain, seenBefore, timesBegun } from './envelopes.js';
import { Held } from './held.js';
import type { Names } from './names.js';
import { Settler } from './settler.js';

/** How long a drain waits for the broker to take what is known. */
const FLUSH_MS = 2000;
/**
 * A process may end for many reasons, and lose its connection for more, and all that it has in hand is counted. What was
 * in the hands of so many is handled with care, which means slowly.
 */
const HARMLESS = 4;
/** Events whose time has come that this process has in hand at once. */
const MOST_SCHEDULED = 100;
/** How often the number of messages that may be here is changed at most. */
const TUNE_MS = 250;

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly client: AmqpClient;
  readonly names: Names;
  readonly group: string;
  readonly concurrency: number;
  readonly maxDeliveries: number;
  readonly deadLetters: DeadLetterStore;
  readonly dispatch: EventDispatcher;
  readonly retry: (event: Event, retry: HandlerRetry) => Promise<void>;
  /** Resolves when a queue has the message; one that is not due yet gets there when it is. */
  readonly store: (message: Outgoing) => Promise<void>;
  /** Publishes an event whose time has come. */
  readonly publish: (message: ConsumeMessage) => Promise<void>;
  readonly prepare: () => Promise<void>;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Takes messages, as many as there is room for, and takes the consuming side of a process down in order. */
export class Consumer {
  readonly #held = new Held();
  readonly #settler: Settler;
  readonly #workers: Workers<Claim>;
  readonly #lookahead: Lookahead;
  readonly #events: Tap;
  readonly #taps: readonly Tap[];
  readonly #harmless: number;
  /** What is due soon: ends its waiting. */
  readonly #soon = new Map<() => void, Session>();
  /** What arrived while not all queues were being read: nothing begins before. */
  #early: (() => void)[] | undefined = [];
  #prefetch: number;
  #tunedAt = 0;
  #reported = 0;
  #stopping = false;
  #draining: Promise<void> | undefined;

  constructor(private readonly context: ConsumerContext) {
    const { names, group, concurrency, maxDeliveries } = context;
    this.#harmless = harmlessOf(maxDeliveries, HARMLESS);
    this.#settler = new Settler({ ...context, held: this.#held });
    this.#lookahead = new Lookahead(concurrency);
    this.#workers = new Workers({
      ...context,
      leases: this.#held,
      settler: this.#settler,
      lookahead: this.#lookahead,
      read: (claim) => {
        const { event, facts } = readContent(claim.message);
        claim.facts = facts;
        return event;
      },
      idOf: ({ message }) => `message:${String(message.properties.messageId ?? message.fields.deliveryTag)}`,
      crashes: ({ begun }) => begun,
    });
    this.#workers.onRoom = () => this.#tune();
    this.#prefetch = concurrency;
    const suspects = names.suspects(group);
    this.#events = this.#tap(names.events(group), concurrency, (message, session) => {
      if (timesBegun(message) < this.#harmless) return this.#take(message, session, names.events(group));
      // One at a time is here of those: only the one that is at fault is counted when this process ends.
      this.#settler.pass(message, session, () =>
        context.store(seenBefore(message, suspects, timesBegun(message))),
      );
    });
    this.#taps = [
      this.#events,
      this.#tap(suspects, 1, (message, session) => this.#take(message, session, suspects)),
      this.#tap(names.scheduled, MOST_SCHEDULED, (message, session) => this.#schedule(message, session)),
    ];
  }

  /** Whether messages come. */
  get consuming(): boolean {
    return this.#taps.every(({ ok }) => ok);
  }

  get busy(): boolean {
    return this.#held.size + this.#settler.size + this.#soon.size > 0;
  }

  async start(): Promise<void> {
    for (const tap of this.#taps) await tap.start();
    setImmediate(() => this.#begin());
  }

  counters(): Readonly<Record<string, number>> {
    const { running, buffered } = this.#workers;
    return {
      inFlight: running,
      buffered,
      stale: this.#settler.stale + this.#held.lost,
      prefetch: this.#prefetch,
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
  async close(): Promise<void> {
    this.#settler.stop();
    await within(FLUSH_MS, Promise.all(this.#taps.map((tap) => tap.close())));
  }

  #begin(): void {
    const early = this.#early;
    this.#early = undefined;
    for (const take of early ?? []) take();
  }

  #tap(queue: string, prefetch: number, take: (message: ConsumeMessage, session: Session) => void): Tap {
    const { client, prepare, report } = this.context;
    const onMessage = (message: ConsumeMessage, session: Session) => {
      if (this.#early === undefined) take(message, session);
      else this.#early.push(() => session.lost || take(message, session));
    };
    const onLost = (session: Session) => {
      this.#held.lose(session);
      for (const [end, theirs] of this.#soon) if (theirs === session) end();
    };
    return new Tap({ client, queue, prepare, onMessage, onLost, report }, prefetch);
  }

  /** Hands a message to a worker when it is due. */
  #take(message: ConsumeMessage, session: Session, queue: string): void {
    const ms = remainingMs(message);
    if (ms <= 0) return this.#workers.accept(new Claim(message, session, queue));
    if (ms < SOON_MS && !this.#stopping)
      return this.#wait(ms, session, () => this.#take(message, session, queue));
    this.#settler.pass(message, session, () => this.context.store(sameAgain(message, queue)));
  }

  /** Publishes an event when it is due. */
  #schedule(message: ConsumeMessage, session: Session): void {
    const ms = remainingMs(message);
    const { publish, store, names } = this.context;
    if (ms <= 0) return this.#settler.pass(message, session, () => publish(message));
    if (ms < SOON_MS && !this.#stopping)
      return this.#wait(ms, session, () => this.#schedule(message, session));
    this.#settler.pass(message, session, () => store(sameAgain(message, names.scheduled)));
  }

  #wait(ms: number, session: Session, then: () => void): void {
    const end = () => {
      clearTimeout(timer);
      this.#soon.delete(end);
      if (!session.lost) then();
    };
    const timer = setTimeout(end, Math.ceil(ms));
    this.#soon.set(end, session);
  }

  /** Quick handlers get more messages at once, so that they do not wait for the network; slow ones hoard none. */
  #tune(): void {
    const wanted = this.context.concurrency + this.#lookahead.size;
    if (wanted < 1.5 * this.#prefetch && wanted > this.#prefetch / 2) return;
    const now = performance.now();
    if (this.#stopping || now - this.#tunedAt < TUNE_MS) return;
    this.#tunedAt = now;
    this.#prefetch = wanted;
    this.#events.tune(wanted);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    this.#begin();
    for (const end of this.#soon.keys()) end();
    const stopped = Promise.all(this.#taps.map((tap) => tap.stop()));
    await this.#workers.drain(signal, stopped);
    if (this.context.client.connected) await within(FLUSH_MS, this.#settler.stored());
  }
}
