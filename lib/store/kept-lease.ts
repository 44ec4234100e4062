import { CheckpointLostError } from '../errors.js';
import type { SqlClient } from '../sql-client.js';
import { after, pause } from '../timer.js';
import type { Checkpoint, CheckpointLease } from './checkpoint-store.js';

/**
 * A lease that is renewed for as long as the store answers. When it does not, the lease is over here before it can be
 * over there: it counts from when it was asked for, not from the answer.
 */
export class KeptLease {
  #cancelEnd: () => void = () => undefined;
  #released = false;

  /**
   * @param askedAt When it was asked for, by the monotonic clock.
   * @param end Called when it is over, or somebody else has it.
   * @param report Told of renewals that fail.
   */
  constructor(
    private readonly lease: CheckpointLease,
    private readonly leaseMs: number,
    askedAt: number,
    private readonly end: () => void,
    private readonly report: (error: unknown) => void,
  ) {
    this.#heldFrom(askedAt);
  }

  /** What was saved when it was taken. */
  get checkpoint(): Checkpoint {
    return this.lease.checkpoint;
  }

  /** @throws {CheckpointLostError} when somebody else has it: then nothing is saved. */
  async save(checkpoint: Checkpoint, transaction?: SqlClient): Promise<void> {
    const askedAt = performance.now();
    await this.lease.save(checkpoint, transaction);
    // Whether a transaction commits is not known yet.
    if (transaction === undefined) this.#heldFrom(askedAt);
  }

  /** @throws {CheckpointLostError} when somebody else has it. */
  async renew(): Promise<void> {
    const askedAt = performance.now();
    await this.lease.renew();
    this.#heldFrom(askedAt);
  }

  /** Renews it now and then, because a handler may take longer than it holds. Never rejects. */
  async keep(over: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.leaseMs / 3, over);
      if (over.aborted) return;
      try {
        await this.renew();
      } catch (error) {
        if (error instanceof CheckpointLostError) return this.end();
        if (!over.aborted) this.report(error);
      }
    }
  }

  /** Lets others take it at once. */
  async release(): Promise<void> {
    this.#released = true;
    this.#cancelEnd();
    await this.lease.release();
  }

  #heldFrom(askedAt: number): void {
    if (this.#released) return; // a renewal that was under way: its timer would keep the process alive
    this.#cancelEnd();
    this.#cancelEnd = after(this.leaseMs - (performance.now() - askedAt), this.end);
  }
}
