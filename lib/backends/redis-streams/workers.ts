import type { Event } from '../../event.js';
import { HANDLED, HANDLED_NOW, type DispatchOutcome } from '../backend.js';
import type { Acks } from './acks.js';
import type { Claim } from './claim.js';
import type { Message } from './codec.js';
import type { Leases } from './leases.js';
import { Lookahead } from '../shared/lookahead.js';
import type { Rejects } from './rejects.js';
import type { Settler } from './settler.js';

/** Handlers that never wait may keep the event loop for this long at a stretch. */
const SLICE_MS = 8;
/** Events between two looks at the clock. A power of two. */
const CHECK_EVERY = 16;

/** The parts that workers work with. */
export interface WorkerParts {
  readonly concurrency: number;
  readonly dispatch: (event: Event, claim: Claim) => Promise<DispatchOutcome>;
  readonly leases: Leases;
  /** By stream. */
  readonly acks: ReadonlyMap<string, Acks>;
  readonly settler: Settler;
  readonly rejects: Rejects;
  readonly report: (error: Error) => void;
}

/** Runs what was read, `concurrency` deliveries at once, and sees to it that each outcome is stored. */
export class Workers {
  readonly #buffer: Claim[] = [];
  /** Claims whose turn has come in their lines. They and the others take turns. */
  readonly #lined: Claim[] = [];
  #linedIsNext = false;
  readonly #running = new Map<Claim, Promise<void>>();
  readonly #lookahead: Lookahead;
  #pumpDue = false;
  #stopped = false;
  #onRoom: (() => void) | undefined;

  constructor(private readonly parts: WorkerParts) {
    this.#lookahead = new Lookahead(parts.concurrency);
    parts.settler.onSettled = () => this.#onRoom?.();
  }

  /** Deliveries whose handlers are running. */
  get running(): number {
    return this.#running.size;
  }

  /** Deliveries that wait in memory for a free place. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** Entries that may be read now. None until half of the lookahead is used up, so that reads stay large. */
  get room(): number {
    const ahead = this.#lookahead.size;
    const used = this.#running.size + this.#buffer.length + this.parts.settler.size;
    const room = this.parts.concurrency + ahead - used;
    if (room >= 1 && room >= ahead / 2) return room;
    // Others keep the places filled: one that is there when a place becomes free gets every second of them.
    return this.#lined.length > 0 && this.#buffer.length === 0 ? 1 : 0;
  }

  /** The most to read at once: Redis prepares one half of the lookahead while the other one is handled. */
  get batchSize(): number {
    return Math.max(this.parts.concurrency, Math.ceil(this.#lookahead.size / 2));
  }

  /** Resolves when it is worth while to look at {@link room} again. */
  async roomFreed(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onRoom = resolve));
    this.#onRoom = undefined;
  }

  /** Takes entries. They start in this turn of the event loop, after its callbacks. */
  accept(claims: readonly Claim[]): void {
    for (const claim of claims) {
      this.parts.leases.add(claim);
      if (this.#stopped) this.parts.settler.handBack(claim);
      else this.#buffer.push(claim);
    }
    this.#pumpLater();
  }

  /** Takes a claim that is next in its line. */
  run(claim: Claim): void {
    if (this.#stopped) return;
    this.#lined.push(claim);
    this.#pumpLater();
  }

  /** Starts nothing more: what waits goes to other processes at once, as does whatever comes from now on. */
  stop(): void {
    this.#stopped = true;
    this.#onRoom?.();
    for (const claim of this.#buffer.splice(0)) this.parts.settler.handBack(claim);
    // Their lines give them back.
    this.#lined.length = 0;
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

  /** Starts what may start. Handlers that never wait are interrupted for reads, and for whatever else there is. */
  #pump(): void {
    const startedAt = performance.now();
    let finished = 0;
    while (this.#running.size < this.parts.concurrency) {
      const claim = this.#next();
      if (claim === undefined) break;
      const before = this.#running.size;
      this.#start(claim);
      if (this.#running.size > before || (++finished & (CHECK_EVERY - 1)) !== 0) continue;
      if (performance.now() - startedAt < SLICE_MS && !this.#readerCanGoOn) continue;
      this.#pumpLater();
      break;
    }
    if (finished > 0) this.#lookahead.ranSync(performance.now() - startedAt, finished);
    if (this.#readerCanGoOn) this.#onRoom!();
  }

  #next(): Claim | undefined {
    if (this.#lined.length === 0) return this.#buffer.shift();
    this.#linedIsNext = !this.#linedIsNext || this.#buffer.length === 0;
    return this.#linedIsNext ? this.#lined.shift() : this.#buffer.shift();
  }

  get #readerCanGoOn(): boolean {
    return this.#onRoom !== undefined && this.room > 0;
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
    if (claim.lost || claim.line?.admits(claim) === false) return;
    let message: Message;
    try {
      message = claim.read();
    } catch (error) {
      void this.parts.rejects.unreadable(claim, error as Error);
      return;
    }
    claim.open(message.envelope);
    if (this.parts.rejects.crashLooping(claim, message)) return;
    const outcome = this.parts.dispatch(message.event, claim);
    if (outcome === HANDLED_NOW) this.#handled(claim);
    else this.#running.set(claim, this.#finish(claim, message, outcome));
  }

  async #finish(claim: Claim, message: Message, dispatched: Promise<DispatchOutcome>): Promise<void> {
    const startedAt = performance.now();
    try {
      this.#conclude(claim, message, await dispatched);
    } catch (error) {
      // A dispatcher never throws; if it does, the lease ends and the entry is delivered again.
      if (claim.line) claim.line.concluded(claim, undefined);
      else this.parts.leases.release(claim);
      this.parts.report(error as Error);
    } finally {
      this.#running.delete(claim);
      this.#lookahead.ranAsync(performance.now() - startedAt);
      this.#pump();
    }
  }

  #conclude(claim: Claim, { event, wire }: Message, outcome: DispatchOutcome): void {
    // Whoever has it now decides what becomes of it.
    if (claim.lost) return;
    if (claim.line) return claim.line.concluded(claim, outcome);
    const { deadLetters, resolved, released } = outcome;
    const retries = [...outcome.retries, ...released.map((retry) => ({ ...retry, delayMs: 0 }))];
    if (retries.length + deadLetters.length + resolved.length === 0) return this.#handled(claim);
    this.parts.settler.settle(claim, event.id, wire, { retries, deadLetters, resolved });
  }

  #handled(claim: Claim): void {
    if (claim.line) return claim.line.concluded(claim, HANDLED);
    this.parts.acks.get(claim.stream)!.add(claim);
  }
}
