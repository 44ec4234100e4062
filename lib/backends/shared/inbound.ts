import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import { QueueFullError } from '../../errors.js';
import type { Event } from '../../event.js';
import { type Delivery, type EventDispatcher, HANDLED_NOW } from '../backend.js';

/** What the intake works with. @typeParam M A message of the broker. */
export interface InboundParts<M> {
  readonly concurrency: number;
  readonly maxQueued: number;
  readonly dispatch: EventDispatcher;
  /** @throws {EventSerializationError} when the message is no event. */
  readonly read: (message: M) => Event;
  /** The message as dead letters hold it. */
  readonly raw: (message: M) => RawMessage;
  /** Whether the broker has sent it before. Absent: it never does. */
  readonly redelivered?: (message: M) => boolean;
  /** Nothing more has to be done for a message: it is handled, or a dead letter. Must not throw. */
  readonly settled?: (message: M) => void;
  /** Keeps an event that no handler is given. */
  readonly refuse: (event: Event, error: Error) => Promise<void>;
  readonly report: (error: Error) => void;
  /** Who sends, for the error of an event too many. */
  readonly sender: string;
  /** What to do against events too many. */
  readonly advice: string;
}

interface Waiting<M> {
  readonly message: M;
  readonly audience: Delivery['audience'];
}

/** Handlers that never wait may keep the event loop for this long at a stretch. */
const SLICE_MS = 8;

/**
 * Runs what a broker sends without being asked, `concurrency` deliveries at once. It cannot ask the broker to wait, so
 * what comes waits here.
 */
export class Inbound<M> {
  #waiting: Waiting<M>[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #interrupt = new AbortController();
  #begun = 0;
  #pumpDue = false;
  #stopped = false;
  #onIdle: (() => void)[] = [];

  constructor(private readonly parts: InboundParts<M>) {}

  get running(): number {
    return this.#running.size;
  }

  get queued(): number {
    return this.#waiting.length - this.#begun;
  }

  accept(message: M, audience: Delivery['audience']): void {
    if (this.#stopped) return;
    if (this.queued >= this.parts.maxQueued) return void this.#overflow(message);
    this.#waiting.push({ message, audience });
    this.#pumpLater();
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    if (this.queued + this.#running.size > 0)
      await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
  }

  /** Begins nothing more. What waits, and what still comes, is left to a broker that has it until it is settled. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#begun = 0;
    this.#pumpLater(); // whoever waits for nothing to run is told
  }

  /** Interrupts what runs and drops what waits, with the number of both. */
  abandon(): number {
    const left = this.queued + this.#running.size;
    this.#waiting = [];
    this.#begun = 0;
    this.#interrupt.abort();
    return left;
  }

  #pump(): void {
    const startedAt = performance.now();
    while (this.queued > 0 && this.#running.size < this.parts.concurrency) {
      this.#start(this.#waiting[this.#begun++]!);
      if (performance.now() - startedAt < SLICE_MS) continue;
      this.#pumpLater();
      break;
    }
    // Taking the first out of an array each time would cost as much as it is long.
    if (this.#begun > 0 && this.#begun >= this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#begun);
      this.#begun = 0;
    }
    if (this.queued + this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #pumpLater(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #start({ message, audience }: Waiting<M>): void {
    const { dispatch, read, raw, redelivered, settled, report } = this.parts;
    const delivery: Delivery = {
      audience,
      signal: this.#interrupt.signal,
      redelivered: redelivered?.(message) ?? false,
      get raw() {
        return raw(message);
      },
    };
    let event: Event;
    try {
      event = read(message);
    } catch {
      // The dispatcher says what is wrong with it, and keeps it.
      event = raw(message).body as unknown as Event;
    }
    const outcome = dispatch(event, delivery);
    if (outcome === HANDLED_NOW) return settled?.(message);
    const work = outcome
      .then(
        () => settled?.(message),
        (error: unknown) => report(toError(error)),
      )
      .finally(() => {
        this.#running.delete(work);
        this.#pump();
      });
    this.#running.add(work);
  }

  async #overflow(message: M): Promise<void> {
    const { maxQueued, read, refuse, settled, report, sender, advice } = this.parts;
    try {
      await refuse(
        read(message),
        new QueueFullError(
          `${sender} sent more events than this process can take: ${maxQueued} wait already. ${advice}`,
        ),
      );
      settled?.(message);
    } catch (error) {
      report(toError(error));
    }
  }
}
