import { EventConfigurationError, StreamConflictError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';
import { type EventCriteria, type LoadOptions, matcherOf } from '../criteria.js';
import { type AppendOptions, type AppendResult, EventStore } from '../event-store.js';
import { checkAppend, meetsExpectation } from '../expected-version.js';
import { type Publication, StoredEvent } from '../stored-event.js';
import { MemoryCheckpoints } from './memory-checkpoints.js';
import { MemorySnapshots } from './memory-snapshots.js';

/**
 * Keeps events in this process, without bound: for tests and for trying out. Data goes through JSON, as in a database,
 * so that nothing works here alone.
 */
export class MemoryEventStore extends EventStore {
  readonly name = 'memory';
  readonly checkpoints = new MemoryCheckpoints();
  readonly snapshots = new MemorySnapshots();
  readonly #log: StoredEvent[] = [];
  readonly #byId = new Map<string, number>();
  readonly #streams = new Map<string, StoredEvent[]>();
  readonly #listeners = new Set<() => void>();

  async appendBatch(events: readonly Event[], options: AppendOptions = {}): Promise<AppendResult[]> {
    checkAppend(options);
    const { streamId, expectedVersion = 'any', transaction, publication } = options;
    if (transaction !== undefined) {
      throw new EventConfigurationError(
        `MemoryEventStore was given a 'transaction', which it cannot be part of. Leave it out, or use PostgresEventStore.`,
      );
    }
    const fresh = events.filter(({ id }) => !this.#byId.has(id));
    const decoded = fresh.map((event) => decodeEvent(encodeEvent(event)));
    const stream = streamId === undefined ? undefined : (this.#streams.get(streamId) ?? []);
    if (stream !== undefined && fresh.length > 0 && !meetsExpectation(expectedVersion, stream.length)) {
      throw new StreamConflictError(streamId!, expectedVersion, stream.length);
    }
    for (const event of decoded) {
      if (this.#byId.has(event.id)) continue; // twice in the same batch
      const position = positionAt(this.#log.length);
      const streamVersion = stream === undefined ? undefined : stream.length + 1;
      const facts = { position, recordedAt: new Date(), streamId, streamVersion, publication };
      const stored = new StoredEvent(event, facts);
      this.#byId.set(event.id, this.#log.push(stored) - 1);
      stream?.push(stored);
    }
    if (stream !== undefined && stream.length > 0) this.#streams.set(streamId!, stream);
    if (fresh.length > 0) for (const listener of this.#listeners) listener();
    const isNew = new Set(fresh.map(({ id }) => id));
    return events.map((event) => {
      const { position, streamVersion } = this.#log[this.#byId.get(event.id)!]!;
      const place = { id: event.id, position, streamVersion };
      return isNew.delete(event.id) ? place : { ...place, duplicate: true };
    });
  }

  async page({
    after,
    limit,
    direction,
    ...criteria
  }: LoadOptions & { limit: number }): Promise<StoredEvent[]> {
    const matches = matcherOf(criteria);
    const found: StoredEvent[] = [];
    const forward = direction !== 'backward';
    const step = forward ? 1 : -1;
    let index = forward ? 0 : this.#log.length - 1;
    if (after !== undefined) index = indexOf(after) + step;
    for (; index >= 0 && index < this.#log.length && found.length < limit; index += step) {
      const event = this.#log[index]!;
      if (matches(event)) found.push(event);
    }
    return found;
  }

  async streamPage(streamId: string, fromVersion: number, limit: number): Promise<StoredEvent[]> {
    return this.#streams.get(streamId)?.slice(fromVersion - 1, fromVersion - 1 + limit) ?? [];
  }

  async count(criteria: EventCriteria = {}): Promise<number> {
    return this.#log.filter(matcherOf(criteria)).length;
  }

  async head(): Promise<string | undefined> {
    return this.#log.at(-1)?.position;
  }

  async settle(ids: readonly string[], publication: Publication, publishError?: string): Promise<void> {
    for (const id of ids) {
      const index = this.#byId.get(id);
      if (index === undefined) continue;
      const { position, recordedAt, streamId, streamVersion } = this.#log[index]!;
      const facts = { position, recordedAt, streamId, streamVersion, publication, publishError };
      const settled = new StoredEvent(this.#log[index]!, facts);
      this.#log[index] = settled;
      if (streamId !== undefined) this.#streams.get(streamId)![streamVersion! - 1] = settled;
    }
  }

  override onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Sixteen digits, so that positions sort as text. */
function positionAt(index: number): string {
  return String(index + 1).padStart(16, '0');
}

function indexOf(position: string): number {
  if (/^\d{16}$/.test(position)) return Number(position) - 1;
  throw new EventConfigurationError(
    `'${position}' is no position of a MemoryEventStore. Pass on what an event of this store has as its position.`,
  );
}
