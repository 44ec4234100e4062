import { checkWhole } from '../clients/options.js';
import type { InboxClaim, InboxKey, InboxStore } from './inbox-store.js';

/** Options of {@link MemoryInbox}. */
export interface MemoryInboxOptions {
  /** Handled events that are remembered; beyond it, the oldest are forgotten early. Default 100,000. */
  readonly maxEntries?: number;
}

interface Holder {
  readonly owner: string;
  until: number;
}

/**
 * An inbox in this process: it knows nothing of other processes, and forgets all when it ends. For events that are
 * delivered twice within one process, for development and for tests.
 *
 * An entry takes about 250 bytes: 100,000 take 25 MB.
 */
export class MemoryInbox implements InboxStore {
  readonly #claims = new Map<string, Holder>();
  /** When each key is forgotten, oldest first. */
  readonly #handled = new Map<string, number>();
  readonly #maxEntries: number;
  #warned = false;

  /** @throws {EventConfigurationError} when `maxEntries` is not a whole number from 1. */
  constructor({ maxEntries = 100_000 }: MemoryInboxOptions = {}) {
    this.#maxEntries = checkWhole('maxEntries', maxEntries, 'MemoryInbox');
  }

  /** Handled events that are remembered. */
  get size(): number {
    return this.#handled.size;
  }

  claim(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<InboxClaim[]> {
    const now = performance.now();
    return Promise.resolve(keys.map((key) => this.#claim(nameOf(key), owner, leaseMs, now)));
  }

  complete(keys: readonly InboxKey[], _owner: string, retentionMs: number): Promise<void> {
    const now = performance.now();
    for (const key of keys) {
      const name = nameOf(key);
      this.#claims.delete(name);
      this.#handled.delete(name); // to the end of the line
      this.#handled.set(name, now + retentionMs);
    }
    this.#forget(now);
    return Promise.resolve();
  }

  release(keys: readonly InboxKey[], owner: string): Promise<void> {
    for (const key of keys) {
      const name = nameOf(key);
      if (this.#claims.get(name)?.owner === owner) this.#claims.delete(name);
    }
    return Promise.resolve();
  }

  renew(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<boolean[]> {
    const now = performance.now();
    const renewed = keys.map((key) => {
      const holder = this.#claims.get(nameOf(key));
      if (holder?.owner !== owner || holder.until <= now) return false;
      holder.until = now + leaseMs;
      return true;
    });
    return Promise.resolve(renewed);
  }

  #claim(name: string, owner: string, leaseMs: number, now: number): InboxClaim {
    const forgottenAt = this.#handled.get(name);
    if (forgottenAt !== undefined && forgottenAt > now) return 'handled';
    const holder = this.#claims.get(name);
    if (holder !== undefined && holder.until > now) return holder.until - now;
    this.#claims.set(name, { owner, until: now + leaseMs });
    return 'claimed';
  }

  #forget(now: number): void {
    for (const [name, forgottenAt] of this.#handled) {
      const early = forgottenAt > now;
      if (early && this.#handled.size <= this.#maxEntries) return;
      if (early) this.#warn();
      this.#handled.delete(name);
    }
  }

  #warn(): void {
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      `MemoryInbox has more than ${this.#maxEntries} events to remember, and forgets the oldest before their time. Raise 'maxEntries', or lower 'inbox.retentionMs'.`,
      'EventBusWarning',
    );
  }
}

/** One text for both, that no other two have. */
function nameOf({ eventId, handlerId }: InboxKey): string {
  return `${handlerId.length}:${handlerId}${eventId}`;
}
