import { within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import type { EventDispatcher } from '../backend.js';
import { Lookahead } from '../shared/lookahead.js';
import { Periodic } from '../shared/periodic.js';
import { Workers } from '../shared/workers.js';
import { Leases } from './leases.js';
import type { ClaimedRow, QueueTable, Suspects } from './queue-table.js';
import { Settlements } from './settlements.js';
import { TableClaim } from './table-claim.js';

const RETRY_MS = 200;
/** Rows in this process at most, unless `concurrency` is higher: half of them are claimed while the others are handled. */
const MOST_HELD = 2000;
/** How long a drain waits for the database to take what is known. */
const FLUSH_MS = 2000;

/** What a consumer is made of. */
export interface ConsumerContext {
  readonly table: QueueTable;
  /** Unique to this process. */
  readonly owner: string;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  /** How often to look for what other processes publish, in milliseconds. */
  readonly pollMs: number;
  readonly dispatch: EventDispatcher;
  readonly report: (error: Error) => void;
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** Claims rows, as many as there is room for, and takes the consuming side of a process down in order. */
export class Consumer {
  /** Whether the last claim worked. */
  connected = true;
  readonly #leases: Leases;
  readonly #settlements: Settlements;
  readonly #workers: Workers<TableClaim>;
  readonly #lookahead: Lookahead;
  readonly #claiming: Periodic;
  readonly #renewal: Periodic;
  #stopping = false;
  /** The last claim got as much as it asked for. */
  #moreToCome = false;
  #reported = 0;
  #draining: Promise<void> | undefined;

  constructor(private readonly context: ConsumerContext) {
    const { table, owner, concurrency, leaseMs, report } = context;
    this.#leases = new Leases(table, owner, leaseMs);
    this.#settlements = new Settlements(table, owner, this.#leases, report);
    this.#lookahead = new Lookahead(concurrency, MOST_HELD);
    this.#workers = new Workers({
      ...context,
      leases: this.#leases,
      settler: this.#settlements,
      lookahead: this.#lookahead,
      read: ({ row }) => decodeEvent(row.wire),
      idOf: ({ id }) => `row:${id}`,
      admits: (claim) => this.#admits(claim),
      crashes: ({ row }) => row.taken - 1,
    });
    this.#claiming = new Periodic(() => this.#claim(), RETRY_MS, report);
    this.#renewal = new Periodic(() => this.#leases.renew().then(() => leaseMs / 3), leaseMs / 10, report);
    this.#workers.onRoom = () => this.#onRoom();
    // The row behind one of the same key can be claimed now, and there is room for others.
    this.#settlements.onStored = () => this.#onRoom(true);
  }

  get busy(): boolean {
    return this.#leases.size > 0;
  }

  start(): void {
    this.#claiming.poke();
    this.#renewal.poke(this.context.leaseMs / 3);
  }

  /** There may be rows to claim, now or in so many milliseconds. */
  expect(delayMs = 0): void {
    this.#claiming.poke(delayMs);
  }

  counters(): Readonly<Record<string, number>> {
    return {
      inFlight: this.#workers.running,
      buffered: this.#workers.buffered,
      stale: this.#settlements.stale,
    };
  }

  /** @returns How many rows were given back since the last call. */
  async drain(signal: AbortSignal): Promise<number> {
    await (this.#draining ??= this.#drain(signal));
    const given = this.#settlements.released - this.#reported;
    this.#reported += given;
    return given;
  }

  /** Ends what is left. Call {@link drain} first. */
  async close(): Promise<void> {
    this.#settlements.stop();
    await this.#renewal.stop();
  }

  async #claim(): Promise<number> {
    const { table, owner, leaseMs } = this.context;
    // No database tells when the lease of another process ends.
    const pollMs = Math.min(this.context.pollMs, leaseMs);
    // Never all at once: the database is to work on one half while this process works on the other.
    const room = Math.min(this.#room, Math.ceil(this.#mostHeld / 2));
    if (room < 1 || this.#stopping) return pollMs;
    try {
      const leasedUntil = performance.now() + leaseMs;
      const { rows, nextDueMs = pollMs } = await table.claim(owner, room, this.#suspects);
      this.connected = true;
      this.#moreToCome = rows.length === room;
      for (const row of rows) this.#take(row, leasedUntil);
      return this.#moreToCome && this.#roomIsWorthIt ? 0 : Math.min(pollMs, nextDueMs);
    } catch (error) {
      // An outage is reported once, not with every attempt to end it.
      if (this.connected) this.context.report(toError(error));
      this.connected = false;
      return RETRY_MS;
    }
  }

  /** What is here already, because the database was too slow to renew it in time, is here still, and does not run twice. */
  #take(row: ClaimedRow, leasedUntil: number): void {
    const held = this.#leases.get(row.id);
    if (held === undefined) this.#workers.accept(new TableClaim(row, leasedUntil));
    else held.leasedUntil = leasedUntil;
  }

  /** Somebody else may have it by now. Whoever claims it next runs it. */
  #admits(claim: TableClaim): boolean {
    if (performance.now() < claim.leasedUntil) return true;
    this.#leases.release(claim);
    return false;
  }

  #onRoom(stored = false): void {
    if (this.#stopping) return;
    if (stored || this.#moreToCome) if (this.#roomIsWorthIt) this.#claiming.poke();
  }

  /** Claims stay large: none until half of what may be held is used up, unless somebody would wait for work meanwhile. */
  get #roomIsWorthIt(): boolean {
    return this.#room >= Math.min(this.#mostHeld / 2, this.#lookahead.size + 1);
  }

  get #suspects(): Suspects {
    const from = Math.max(1, Math.floor(this.context.maxDeliveries / 2));
    const allowed = ![...this.#leases.all()].some(({ row }) => row.taken > from);
    return { from, allowed };
  }

  get #room(): number {
    return this.#mostHeld - this.#leases.size;
  }

  get #mostHeld(): number {
    return this.context.concurrency + this.#lookahead.size;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    await this.#workers.drain(signal, this.#claiming.stop());
    await within(FLUSH_MS, this.#settlements.stored());
  }
}
