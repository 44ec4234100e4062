import { insist } from '../../clients/insist.js';
import type { Event } from '../../event.js';
import type { DispatchOutcome } from '../backend.js';
import type { ClaimSettler } from '../shared/workers.js';
import type { Leases } from './leases.js';
import type { QueueTable, RowOutcome } from './queue-table.js';
import type { TableClaim } from './table-claim.js';

const MOST = 1000;
const NOTHING: Omit<RowOutcome, 'id' | 'key'> = Object.freeze({ retries: [], deadLetters: [], resolved: [] });

interface Ended {
  readonly claim: TableClaim;
  /** Absent: it was not handled here, and is given back. */
  readonly outcome: RowOutcome | undefined;
}

/** Stores outcomes, many at once, until the database took them or closing gives up; then the lease runs out. */
export class Settlements implements ClaimSettler<TableClaim> {
  /** Outcomes that came too late: the row was somebody else's by then. */
  stale = 0;
  /** Rows that were given back. */
  released = 0;
  /** Called when rows have left this process. */
  onStored: () => void = () => undefined;
  #ended: Ended[] = [];
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(
    private readonly table: QueueTable,
    private readonly owner: string,
    private readonly leases: Leases,
    private readonly report: (error: Error) => void,
  ) {}

  handled(claim: TableClaim): void {
    this.#conclude(claim, NOTHING);
  }

  settle(claim: TableClaim, _event: Event, outcome: DispatchOutcome): void {
    const { retries, released, deadLetters, resolved } = outcome;
    const again = [...retries, ...released.map((retry) => ({ ...retry, delayMs: 0 }))];
    this.#conclude(claim, {
      retries: again.map(({ delayMs, ...facts }) => ({ delayMs, facts })),
      deadLetters,
      resolved,
    });
  }

  #conclude(claim: TableClaim, outcome: Omit<RowOutcome, 'id' | 'key'>): void {
    this.#add({ claim, outcome: { ...outcome, id: claim.id, key: claim.row.key } });
  }

  /** As if it had never been claimed: another process may take it at once. */
  release(claim: TableClaim): void {
    this.released++;
    this.#add({ claim, outcome: undefined });
  }

  /** Resolves when all is stored. */
  async stored(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Gives up what cannot be stored now. */
  stop(): void {
    this.#stop.abort();
  }

  #add(ended: Ended): void {
    this.#ended.push(ended);
    this.#running ??= this.#work();
  }

  async #work(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (this.#ended.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#ended.splice(0, MOST).filter(({ claim }) => !claim.lost);
      await insist(() => this.#store(batch), this.#stop.signal, this.report);
      for (const { claim } of batch) this.leases.release(claim);
      this.onStored();
    }
    this.#running = undefined;
  }

  async #store(batch: readonly Ended[]): Promise<void> {
    const outcomes = batch.flatMap(({ outcome }) => outcome ?? []);
    const unhandled = batch.filter(({ outcome }) => outcome === undefined).map(({ claim }) => claim.id);
    if (unhandled.length > 0) await this.table.release(this.owner, unhandled);
    if (outcomes.length > 0) this.stale += await this.table.settle(this.owner, outcomes);
  }
}
