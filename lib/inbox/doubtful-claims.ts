import { growingDelayMs } from '../dispatch/deferral.js';
import { pause } from '../timer.js';
import type { InboxKey } from './inbox-store.js';

/**
 * Claims that were asked for and never answered: the store may have granted them to this process, which does not use
 * them. Each is released as soon as the store can be reached, so that nobody waits until it lapses.
 */
export class DoubtfulClaims {
  /** The latest try to release each of them. */
  readonly #tries = new Map<string, Promise<void>>();

  constructor(
    private readonly release: (key: InboxKey) => Promise<void>,
    private readonly leaseMs: number,
    private readonly lifetime: AbortSignal,
  ) {}

  /**
   * Resolves when the key may be claimed: a claim of now could otherwise be taken for the doubtful one, and released.
   *
   * @throws What the store said when it could not release it.
   */
  async cleared(key: InboxKey): Promise<void> {
    await this.#tries.get(nameOf(key));
  }

  /** Until it is done, or the claim has lapsed by itself. The store's trouble is reported by whoever asks it. */
  async giveUp(key: InboxKey): Promise<void> {
    const name = nameOf(key);
    const lapsesAt = performance.now() + this.leaseMs;
    for (let failures = 0; performance.now() < lapsesAt && !this.lifetime.aborted; failures++) {
      const attempt = this.release(key);
      this.#tries.set(name, attempt);
      try {
        await attempt;
        break;
      } catch {
        await pause(growingDelayMs(failures), this.lifetime);
      }
    }
    this.#tries.delete(name);
  }
}

function nameOf({ handlerId, eventId }: InboxKey): string {
  return JSON.stringify([handlerId, eventId]);
}
