import type { BatchCalls } from '../../clients/aws/batch-calls.js';
import { isPassing } from '../../clients/aws/failures.js';
import type { VisibilityChange } from '../../clients/aws/queue-api.js';
import type { Claim } from './claim.js';

/** What leases work with. */
export interface LeasesParts {
  readonly visibility: BatchCalls<VisibilityChange>;
  readonly leaseMs: number;
  /** Told of a message that is somebody else's now. */
  readonly onLost: (claim: Claim) => void;
  readonly report: (error: Error) => void;
}

/** Everything this process holds, and the renewal of its leases: visibility timeouts. */
export class Leases {
  readonly #held = new Set<Claim>();
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastLook = performance.now();
  /** The last look came late. */
  #late = false;

  constructor(private readonly parts: LeasesParts) {
    this.#everyMs = parts.leaseMs / 12;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * Whether this process stood still for so long that what it finds in its sockets may have been handed out a lease ago,
   * and be somebody else's by now.
   */
  get stalled(): boolean {
    return this.#late || performance.now() - this.#lastLook > this.parts.leaseMs / 2;
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
    this.#late = performance.now() - this.#lastLook > this.parts.leaseMs / 2;
    this.#lastLook = performance.now();
    for (const claim of this.#held) {
      // What is settled is held until SQS has heard of it, and the settler lets go of it.
      if (claim.expired) {
        if (!claim.settled) this.#lose(claim);
      } else if (claim.aging && !claim.given) {
        this.#renew(claim);
      }
    }
    this.#timer = setTimeout(() => this.#look(), this.#everyMs);
  }

  #lose(claim: Claim): void {
    this.release(claim);
    claim.lose();
    this.parts.onLost(claim);
  }

  #renew(claim: Claim): void {
    const { visibility, leaseMs, report } = this.parts;
    if (claim.atLimit) {
      if (claim.settled) return;
      report(
        new Error(
          `Message ${claim.message.MessageId} was held for 12 hours, the longest that SQS allows: its handlers are interrupted, and it is delivered again.`,
        ),
      );
      return this.#lose(claim);
    }
    const at = performance.now();
    visibility.add({ receiptHandle: claim.receiptHandle, seconds: leaseMs / 1000 }).then(
      () => claim.renewed(at),
      (error: unknown) => {
        // What SQS refuses is gone or somebody else's. Otherwise the next look tries again, while there is time.
        if (!isPassing(error) && !claim.settled && this.#held.has(claim)) this.#lose(claim);
      },
    );
  }
}
