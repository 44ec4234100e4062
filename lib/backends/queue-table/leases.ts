import type { QueueTable } from './queue-table.js';
import type { TableClaim } from './table-claim.js';

const MOST = 1000;

/** Everything this process holds, and the renewal of its leases. */
export class Leases {
  readonly #held = new Map<number, TableClaim>();

  constructor(
    private readonly table: QueueTable,
    private readonly owner: string,
    private readonly leaseMs: number,
  ) {}

  get size(): number {
    return this.#held.size;
  }

  get(id: number): TableClaim | undefined {
    return this.#held.get(id);
  }

  add(claim: TableClaim): void {
    this.#held.set(claim.id, claim);
  }

  /** The row is settled, or somebody else's. */
  release(claim: TableClaim): void {
    if (this.#held.get(claim.id) === claim) this.#held.delete(claim.id);
  }

  all(): Iterable<TableClaim> {
    return this.#held.values();
  }

  /** What others own by now is lost: its signal aborts. */
  async renew(): Promise<void> {
    const claims = [...this.#held.values()];
    for (let i = 0; i < claims.length; i += MOST) {
      const some = claims.slice(i, i + MOST);
      const leasedUntil = performance.now() + this.leaseMs;
      const lost = new Set(
        await this.table.renew(
          this.owner,
          some.map(({ id }) => id),
        ),
      );
      for (const claim of some) {
        if (!lost.has(claim.id)) {
          claim.leasedUntil = leasedUntil;
        } else if (this.#held.get(claim.id) === claim) {
          // Otherwise it was settled in the meantime, and is gone because we removed it.
          this.release(claim);
          claim.lose();
        }
      }
    }
  }
}
