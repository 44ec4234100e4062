import { abortion, within } from '../../clients/in-time.js';
import { createDeadLetter } from '../../dead-letters/create-dead-letter.js';
import { ALL_HANDLERS, type DeadLetter, UNREADABLE_EVENT } from '../../dead-letters/dead-letter.js';
import { failedAttempt, toError } from '../../dispatch/failure.js';
import { EventHandlerError } from '../../errors.js';
import { createEvent, type Event } from '../../event.js';
import { type DispatchOutcome, type EventDispatcher, HANDLED, HANDLED_NOW } from '../backend.js';
import type { Lookahead } from './lookahead.js';
import type { OwnedDelivery } from './owned-delivery.js';
import type { Suspects } from './suspects.js';

/** Handlers that never wait may keep the event loop for this long at a stretch. */
const SLICE_MS = 8;
/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;

/** Stores what becomes of claims, and then tells the broker. None of it throws: it is repeated until it is done. */
export interface ClaimSettler<C> {
  /** Every handler succeeded. */
  handled(claim: C): void;
  settle(claim: C, event: Event, outcome: DispatchOutcome): void;
  /** As if it had never been taken: another process may have it at once. */
  release(claim: C): void;
}

/** Everything that a process holds. */
export interface ClaimLeases<C> {
  add(claim: C): void;
  /** Lets go of a claim without a word to the broker, which hands it out again when its lease ends. */
  release(claim: C): void;
}

/** What workers work with. */
export interface WorkerParts<C extends OwnedDelivery> {
  readonly concurrency: number;
  readonly maxDeliveries: number;
  readonly dispatch: EventDispatcher;
  readonly leases: ClaimLeases<C>;
  readonly lookahead: Lookahead;
  readonly settler: ClaimSettler<C>;
  /** Reads its event. Whatever this throws makes it a dead letter. */
  readonly read: (claim: C) => Event;
  /** A text that tells an unreadable one from all others, for the id of its dead letter. */
  readonly idOf: (claim: C) => string;
  /** Whether the claim may still start; if not, it has been let go of. Default: unless it is lost. */
  readonly admits?: (claim: C) => boolean;
  /** For brokers that count only how often they hand out: finds the one that is at fault. */
  readonly suspects?: Suspects<C>;
  /** For brokers that count what was begun: how often it was, and never finished. */
  readonly crashes?: (claim: C) => number;
  readonly report: (error: Error) => void;
  /** Tells of a dead letter that is made here. */
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Runs what was taken, `concurrency` deliveries at once, and sees to it that each outcome is stored. */
export class Workers<C extends OwnedDelivery> {
  /** Called when a place has become free. */
  onRoom: () => void = () => undefined;
  readonly #buffer: C[] = [];
  readonly #running = new Map<C, Promise<void>>();
  #pumpDue = false;
  #stopped = false;
  /** What waited was given back. */
  #emptied = false;

  constructor(private readonly parts: WorkerParts<C>) {}

  /** Deliveries whose handlers are running. */
  get running(): number {
    return this.#running.size;
  }

  /** Deliveries that wait here for a free place. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** Takes a claim. It starts in this turn of the event loop, after its callbacks. */
  accept(claim: C): void {
    this.parts.leases.add(claim);
    if (this.#emptied) return this.parts.settler.release(claim);
    this.#buffer.push(claim);
    this.#pumpLater();
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when no handler runs. */
  async finished(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /**
   * Ends in order: gives back what waits, waits for what runs until the signal aborts, then interrupts it, and gives back
   * what still runs.
   *
   * @param sourceStopped Resolves when nothing comes in any more: what is given back before that could come again.
   */
  async drain(signal: AbortSignal, sourceStopped: Promise<unknown>): Promise<void> {
    this.stop();
    await Promise.race([sourceStopped, abortion(signal)]);
    this.#emptied = true;
    for (const claim of this.#buffer.splice(0)) this.parts.settler.release(claim);
    await Promise.race([this.finished(), abortion(signal)]);
    for (const claim of this.#running.keys()) claim.abort();
    await within(ABORT_GRACE_MS, this.finished());
    for (const claim of this.#running.keys()) {
      if (!claim.lost && !claim.settled) this.parts.settler.release(claim);
    }
  }

  #pump(): void {
    const startedAt = performance.now();
    let finished = 0;
    while (!this.#stopped && this.#buffer.length > 0 && this.#running.size < this.parts.concurrency) {
      const before = this.#running.size;
      this.#start(this.#buffer.shift()!);
      if (this.#running.size === before) finished++;
      if (performance.now() - startedAt < SLICE_MS) continue;
      this.#pumpLater();
      break;
    }
    if (finished > 0) this.parts.lookahead.ranSync(performance.now() - startedAt, finished);
    this.onRoom();
  }

  #pumpLater(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #start(claim: C): void {
    const { admits, crashes, dispatch, maxDeliveries, settler, suspects } = this.parts;
    // While it waited it may have become somebody else's, who runs it then.
    if (claim.lost || admits?.(claim) === false) return;
    let event: Event;
    try {
      event = this.parts.read(claim);
    } catch (error) {
      return this.#unreadable(claim, toError(error));
    }
    if (suspects?.isOne(claim)) {
      const turn = suspects.inTurn(claim, (begun) => this.#suspect(claim, event, begun));
      this.#running.set(claim, this.#finish(claim, turn));
      return;
    }
    const begun = crashes?.(claim) ?? 0;
    if (begun >= maxDeliveries) return this.#bury(claim, event, this.#crashed(event, begun));
    const outcome = dispatch(event, claim);
    if (outcome === HANDLED_NOW) settler.handled(claim);
    else this.#running.set(claim, this.#finish(claim, this.#conclude(claim, event, outcome)));
  }

  async #suspect(claim: C, event: Event, begun: number): Promise<void> {
    if (claim.lost || claim.settled) return;
    if (this.parts.suspects!.isGuilty(begun)) return this.#bury(claim, event, this.#crashed(event, begun));
    await this.#conclude(claim, event, this.parts.dispatch(event, claim));
  }

  async #conclude(claim: C, event: Event, dispatched: Promise<DispatchOutcome>): Promise<void> {
    const outcome = await dispatched;
    // Whoever has it now decides what becomes of it.
    if (claim.lost || claim.settled) return;
    if (outcome === HANDLED) this.parts.settler.handled(claim);
    else this.parts.settler.settle(claim, event, outcome);
  }

  async #finish(claim: C, work: Promise<void>): Promise<void> {
    const startedAt = performance.now();
    try {
      await work;
    } catch (error) {
      // A dispatcher never throws; if it does, the lease ends and the event is delivered again.
      this.parts.leases.release(claim);
      this.parts.report(toError(error));
    } finally {
      this.#running.delete(claim);
      this.parts.lookahead.ranAsync(performance.now() - startedAt);
      this.#pump();
    }
  }

  #crashed({ type, id }: Event, begun: number): Error {
    return new EventHandlerError(
      `Event '${type}' (${id}) was taken up ${begun} times and never finished, which is the limit (maxDeliveries is ${this.parts.maxDeliveries}): its handler crashes the process, or stops it for longer than the lease.`,
    );
  }

  #unreadable(claim: C, error: Error): void {
    const { body } = claim.raw;
    this.#bury(claim, createEvent(UNREADABLE_EVENT, body, { id: this.parts.idOf(claim) }), error);
  }

  /** Must not reach a handler. */
  #bury(claim: C, event: Event, error: Error): void {
    const { handlerId = ALL_HANDLERS, attempts = [], deadLetterId: id, raw } = claim;
    const history = [...attempts, failedAttempt(error, Date.now())];
    const letter = createDeadLetter(event, handlerId, history, { id, raw });
    this.parts.deadLettered(letter, error);
    this.parts.settler.settle(claim, event, {
      status: 'failed',
      retries: [],
      deadLetters: [letter],
      resolved: [],
      released: [],
    });
  }
}
