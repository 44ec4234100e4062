import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import type { PostgresDeadLetterStore } from '../../dead-letters/postgres/postgres-dead-letter-store.js';

/** The dead letters of a backend, which opens on their first use: who only looks at them has not started a bus. */
export class OpenedDeadLetters implements DeadLetterStore {
  /** @param opened Resolves when the store is open. */
  constructor(
    private readonly store: PostgresDeadLetterStore,
    private readonly opened: () => Promise<void>,
  ) {}

  async add(entries: readonly DeadLetter[]): Promise<void> {
    await this.opened();
    return this.store.add(entries);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    await this.opened();
    return this.store.get(id);
  }

  async list(query?: DeadLetterQuery): Promise<DeadLetterPage> {
    await this.opened();
    return this.store.list(query);
  }

  async size(): Promise<number> {
    await this.opened();
    return this.store.size();
  }

  async transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    change?: DeadLetterChange,
  ): Promise<DeadLetter | undefined> {
    await this.opened();
    return this.store.transition(id, from, to, change);
  }

  async take(id: string): Promise<DeadLetter | undefined> {
    await this.opened();
    return this.store.take(id);
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    await this.opened();
    return this.store.purge(filter);
  }

  async groups(filter?: DeadLetterFilter): Promise<DeadLetterGroup[]> {
    await this.opened();
    return this.store.groups(filter);
  }
}
