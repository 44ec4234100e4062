import type { Claim } from './claim.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { RENEW } from './scripts/leasing.js';
import type { ServerClock } from './server-clock.js';

const MAX_IDS_PER_CALL = 500;

/** Who reads on behalf of which group. */
export interface Member {
  readonly group: string;
  /** Unique to this process. */
  readonly consumer: string;
}

/** Everything this process holds, and the renewal of its leases. */
export class Leases {
  readonly #held = new Map<string, Map<string, Claim>>();

  constructor(
    private readonly connection: RedisConnection,
    private readonly member: Member,
    private readonly clock: ServerClock,
    private readonly leaseMs: number,
  ) {}

  get size(): number {
    let size = 0;
    for (const claims of this.#held.values()) size += claims.size;
    return size;
  }

  add(claim: Claim): void {
    let claims = this.#held.get(claim.stream);
    if (claims === undefined) this.#held.set(claim.stream, (claims = new Map()));
    claims.set(claim.id, claim);
  }

  /** The entry is settled, or somebody else's. */
  release(claim: Claim): void {
    this.#held.get(claim.stream)?.delete(claim.id);
    claim.line?.settled(claim);
  }

  has(stream: string, id: string): boolean {
    return this.#held.get(stream)?.has(id) ?? false;
  }

  *all(): Generator<Claim> {
    for (const claims of this.#held.values()) yield* claims.values();
  }

  /** Renews what is a third of its time old. What others own by now is lost: its signal aborts. */
  async renew(): Promise<void> {
    const due = this.clock.now() + (this.leaseMs * 2) / 3;
    for (const [stream, claims] of this.#held) {
      const old = [...claims.values()].filter(({ deadline }) => deadline <= due);
      for (let i = 0; i < old.length; i += MAX_IDS_PER_CALL) {
        await this.#renew(stream, old.slice(i, i + MAX_IDS_PER_CALL));
      }
    }
  }

  async #renew(stream: string, claims: readonly Claim[]): Promise<void> {
    const ids = claims.map(({ id }) => id);
    const { group, consumer } = this.member;
    const [now, ...stolen] = (await this.connection.run(RENEW, [stream], [group, consumer, ...ids])) as [
      number,
      ...string[],
    ];
    this.clock.observe(now);
    const lost = new Set(stolen);
    for (const claim of claims) {
      if (lost.has(claim.id)) {
        this.release(claim);
        claim.lose();
      } else {
        claim.deadline = now + this.leaseMs;
      }
    }
  }
}
