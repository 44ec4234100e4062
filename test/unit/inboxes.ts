import {
  InboxClaimLostError,
  type InboxClaim,
  type InboxKey,
  type InboxStore,
  type InboxTransactions,
  MemoryInbox,
  type SqlClient,
} from 'nestjs-durable-events';

type Call = 'claim' | 'complete' | 'release' | 'renew';

/** A memory inbox that remembers what it was asked, and is down or silent when a test wants it to be. */
export class WatchedInbox extends MemoryInbox {
  readonly calls: { readonly name: Call; readonly keys: readonly InboxKey[] }[] = [];
  /** These reject. */
  readonly down = new Set<Call>();
  /** These never answer. */
  readonly silent = new Set<Call>();
  /** These are done, and then reject: the answer was lost on its way. */
  readonly unheard = new Set<Call>();
  /** Who claimed last. */
  lastOwner = '';

  count(name: Call): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  override claim(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<InboxClaim[]> {
    this.lastOwner = owner;
    return this.#answer('claim', keys, () => super.claim(keys, owner, leaseMs));
  }

  override complete(keys: readonly InboxKey[], owner: string, retentionMs: number): Promise<void> {
    return this.#answer('complete', keys, () => super.complete(keys, owner, retentionMs));
  }

  override release(keys: readonly InboxKey[], owner: string): Promise<void> {
    return this.#answer('release', keys, () => super.release(keys, owner));
  }

  override renew(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<boolean[]> {
    return this.#answer('renew', keys, () => super.renew(keys, owner, leaseMs));
  }

  async #answer<T>(name: Call, keys: readonly InboxKey[], answer: () => Promise<T>): Promise<T> {
    this.calls.push({ name, keys });
    if (this.silent.has(name)) await new Promise(() => undefined);
    if (this.down.has(name)) throw new Error(`the store is down for ${name}`);
    const result = await answer();
    if (this.unheard.has(name)) throw new Error(`the answer to ${name} was lost`);
    return result;
  }
}

/** A client whose queries are the rows that they write. */
export class MemoryTransaction implements SqlClient {
  readonly written: string[] = [];

  async query(text: string): Promise<{ readonly rows: readonly unknown[] }> {
    this.written.push(text);
    return { rows: [] };
  }
}

/** An inbox with transactions on a table that is a list, so that the core's part can be tested step by step. */
export class TransactionalInbox extends WatchedInbox implements InboxStore {
  /** What was committed. */
  readonly rows: string[] = [];
  /** What goes wrong after the commit, before the handler is told. */
  commitFailure: Error | undefined;

  readonly transactions: InboxTransactions = {
    run: async (key, owner, retentionMs, work) => {
      const client = new MemoryTransaction();
      const result = await work(client);
      await this.transactions.join(client, key, owner, retentionMs);
      await this.commit(client, key, owner, retentionMs);
      if (this.commitFailure !== undefined) throw this.commitFailure;
      return result;
    },
    join: async (_client, key, owner) => {
      const [held] = await MemoryInbox.prototype.renew.call(this, [key], owner, 30_000);
      if (!held) throw new InboxClaimLostError(`The claim of ${key.eventId} is gone.`);
    },
    unmarked: async (work) => {
      const client = new MemoryTransaction();
      const result = await work(client);
      this.rows.push(...client.written);
      return result;
    },
  };

  /** Writes rows and mark together. For a transaction that the handler itself commits, with no key: rows alone. */
  async commit(client: MemoryTransaction, key: InboxKey, owner = '', retentionMs = 60_000): Promise<void> {
    this.rows.push(...client.written);
    await MemoryInbox.prototype.complete.call(this, [key], owner, retentionMs);
  }
}
