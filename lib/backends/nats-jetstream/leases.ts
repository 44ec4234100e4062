import type { Requests } from '../../clients/nats/requests.js';
import type { Claim } from './claim.js';

const RENEW = '+WPI';

/** Everything this process holds, and the renewal of its leases. */
export class Leases {
  readonly #held = new Set<Claim>();
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastLook = performance.now();
  /** The last look came late. */
  #late = false;

  constructor(
    private readonly requests: Requests,
    private readonly leaseMs: number,
    /** Told of a message that is somebody else's now. */
    private readonly onLost: () => void,
  ) {
    this.#everyMs = leaseMs / 12;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * Whether this process stood still for so long that what it finds in its socket may have been handed out a lease ago,
   * and be somebody else's by now.
   */
  get stalled(): boolean {
    return this.#late || performance.now() - this.#lastLook > this.leaseMs / 2;
  }

  start(): void {
    this.#lastLook = performance.now();
    this.#timer = setTimeout(() => this.#look(), this.#everyMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held.clear();
  }

  add(claim: Claim): void {
    this.#held.add(claim);
  }

  /** The message is settled, or somebody else's. */
  release(claim: Claim): void {
    this.#held.delete(claim);
  }

  #look(): void {
    // Until the next look: what came in while nobody looked is still to be read.
    this.#late = performance.now() - this.#lastLook > this.leaseMs / 2;
    this.#lastLook = performance.now();
    for (const claim of this.#held) {
      if (claim.expired) {
        this.release(claim);
        claim.lose();
        this.onLost();
      } else if (claim.aging) {
        this.#renew(claim);
      }
    }
    this.#timer = setTimeout(() => this.#look(), this.#everyMs);
  }

  #renew(claim: Claim): void {
    const at = performance.now();
    const message = { subject: claim.reply, data: RENEW, wanted: () => !claim.expired && !claim.settled };
    this.requests.send(message, (error) => {
      if (error === undefined) claim.renewed(at);
    });
  }
}
