import { Claim, type Line, type Progress } from '../claim.js';
import type { Message } from '../codec.js';
import type { ServerClock } from '../server-clock.js';
import { decodeRemaining, encodeRemaining, firstDue, type Remaining } from './remaining.js';
import type { ShardEntry } from './shard-log.js';

/** An entry of a shard, until Redis has everything that became of its event. */
export class OrderedClaim extends Claim {
  /** It is about to start, or {@link active}. */
  chosen = false;
  /** Its handlers run, or what became of them is being stored. */
  active = false;
  /** This delivery is counted. What was taken over may only have waited in a process that died. */
  counted: boolean;
  /** Handlers that have to see the event again. None at first: then it is for all of them. */
  readonly #remaining: Remaining[];
  /** Redis has something about it beside the entry. */
  stored: boolean;
  #current: Remaining | undefined;
  #message: Message | undefined;

  constructor(
    private readonly place: Line,
    stream: string,
    private readonly shard: number,
    { id, fields, deliveries, takenOver, progress }: ShardEntry,
    private readonly clock: ServerClock,
  ) {
    // A shard is ours or not; entries have no leases of their own.
    super(stream, id, fields, Infinity, deliveries);
    this.counted = !takenOver;
    this.stored = progress !== '';
    this.#remaining = decodeRemaining(progress, clock);
  }

  override get line(): Line {
    return this.place;
  }

  override get progress(): Progress {
    return { field: `${this.shard}:${this.id}`, left: encodeRemaining(this.#remaining, this.clock) };
  }

  override read(): Message {
    return (this.#message ??= super.read());
  }

  /** Handlers have to see the event again. */
  get unfinished(): boolean {
    return this.#remaining.length > 0;
  }

  /** Milliseconds until it may run. */
  get waitMs(): number {
    const first = firstDue(this.#remaining);
    return first === undefined ? 0 : Math.max(0, first.dueAt - performance.now());
  }

  /** Addresses this delivery to the handler that is due first, if it is not for all of them. */
  address(): void {
    const first = firstDue(this.#remaining);
    if (first === undefined) return;
    this.#remaining.splice(this.#remaining.indexOf(first), 1);
    this.#current = first;
    const { dueAt: _, ...envelope } = first;
    this.#message = { ...this.read(), envelope };
  }

  /** More to do, once its time has come. */
  keep(remaining: readonly Remaining[]): void {
    this.#remaining.push(...remaining);
  }

  /** The delivery that was addressed has to be made again. */
  repeat(): void {
    if (this.#current !== undefined) this.#remaining.push(this.#current);
  }
}
