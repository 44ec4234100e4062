import type { Event, PublishOptions, SqlClient } from 'nestjs-durable-events';
import type { CallerTransaction } from 'nestjs-durable-events/testing';
import { PlainBackend } from '../plain-backend.js';
import type { Mistake } from './altered.js';

type End = 'commit' | 'rollback';

/** A transaction in which nothing happens but what waits for its end. */
class Transaction implements SqlClient {
  readonly #waiting: ((end: End) => void)[] = [];

  query(): Promise<{ rows: unknown[] }> {
    return Promise.resolve({ rows: [] });
  }

  atItsEnd(act: (end: End) => void): void {
    this.#waiting.push(act);
  }

  end(end: End): Promise<void> {
    for (const act of this.#waiting) act(end);
    return Promise.resolve();
  }
}

/** Publishes what is emitted within a transaction when that ends so. */
class TransactionalBackend extends PlainBackend {
  override readonly capabilities = { redelivery: true, delay: true, transactions: true };

  constructor(private readonly publishesAt: readonly (End | 'once')[]) {
    super();
  }

  override publish(event: Event, options: PublishOptions = {}): Promise<void> {
    const { transaction } = options;
    if (!(transaction instanceof Transaction) || this.publishesAt.includes('once'))
      return super.publish(event, options);
    transaction.atItsEnd((end) => {
      if (this.publishesAt.includes(end)) void super.publish(event, options);
    });
    return Promise.resolve();
  }
}

function transact(): Promise<CallerTransaction> {
  const client = new Transaction();
  return Promise.resolve({
    client,
    commit: () => client.end('commit'),
    rollback: () => client.end('rollback'),
  });
}

const WITH_THE_COMMIT = 'publishes with the commit of a transaction of the caller, and not before';
const NOTHING = 'publishes nothing of a transaction that is rolled back';

/** Mistakes about transactions of the caller. */
export const TRANSACTION_MISTAKES: Readonly<Record<string, Mistake>> = {
  'publishes at once what is part of a transaction': {
    make: () => new TransactionalBackend(['once']),
    fails: [WITH_THE_COMMIT, NOTHING],
    options: { transact },
  },
  'publishes what was rolled back': {
    make: () => new TransactionalBackend(['commit', 'rollback']),
    fails: NOTHING,
    options: { transact },
  },
  'loses what was committed': {
    make: () => new TransactionalBackend([]),
    fails: WITH_THE_COMMIT,
    options: { transact },
  },
};

/** Makes none of them. */
export const transactional = () => new TransactionalBackend(['commit']);
export { transact };
