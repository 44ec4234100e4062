import { AsyncResource } from 'node:async_hooks';
import type { Claim } from './claim.js';
import type { StoreClient } from './store-client.js';

/** Renews the claims of this process in one call, at every third of their lease, for as long as there are any. */
export class Renewal {
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;
  /** The timer outlives the event that it was first needed for: it keeps nothing of its async context. */
  readonly #context = new AsyncResource('nestjs-durable-events:InboxRenewal');

  constructor(
    private readonly client: Pick<StoreClient, 'renew'>,
    private readonly active: () => readonly Claim[],
    private readonly leaseMs: number,
  ) {}

  /** A claim was granted. Starts the timer, which runs out by itself when it finds none. */
  needed(): void {
    this.#timer ??= this.#context.runInAsyncScope(() => this.#start());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): NodeJS.Timeout {
    return setInterval(() => void this.#renew(), this.leaseMs / 3).unref();
  }

  async #renew(): Promise<void> {
    const claims = this.active();
    if (claims.length === 0) return this.stop();
    if (this.#renewing) return; // the store is slow, or gone
    this.#renewing = true;
    try {
      const held = await this.client.renew(claims.map(({ key }) => key));
      claims.forEach((claim, i) => {
        if (!held[i]) claim.lose();
      });
    } catch {
      // Reported by the client. The claims may lapse now; whoever takes one over ends it here at the next renewal.
    } finally {
      this.#renewing = false;
    }
  }
}
