import type { Session } from '../../clients/amqp/tap.js';
import type { ClaimLeases } from '../shared/workers.js';
import type { Claim } from './claim.js';

/** Everything this process holds. The broker takes it back with the channel over which it came. */
export class Held implements ClaimLeases<Claim> {
  /** How many claims the broker has taken back. */
  lost = 0;
  readonly #claims = new Set<Claim>();

  get size(): number {
    return this.#claims.size;
  }

  add(claim: Claim): void {
    this.#claims.add(claim);
  }

  /** The message is settled. */
  settled(claim: Claim): void {
    this.#claims.delete(claim);
  }

  release(claim: Claim): void {
    this.#claims.delete(claim);
    claim.session.acks.giveBack(claim.message);
  }

  /** The broker has taken back what came over a channel. */
  lose(session: Session): void {
    for (const claim of this.#claims) {
      if (claim.session !== session) continue;
      this.#claims.delete(claim);
      this.lost++;
      claim.lose();
    }
  }
}
