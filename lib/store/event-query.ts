import type { EventMetadata } from '../event.js';
import type { EventCriteria, LoadOptions } from './criteria.js';
import type { Publication, StoredEvent } from './stored-event.js';

/** What a query needs of its store. */
export interface QueriedStore {
  load(options: LoadOptions): AsyncIterable<StoredEvent>;
  count(criteria: EventCriteria): Promise<number>;
}

/**
 * Builds up which events to read. Each step gives a new query, so that one can be the start of several. Reads when it
 * is iterated.
 *
 * @example
 * for await (const event of store.query().type('order.*').since(yesterday)) { … }
 */
export class EventQuery implements AsyncIterable<StoredEvent> {
  /** @internal `store.query()` makes the first. */
  constructor(
    private readonly store: QueriedStore,
    private readonly options: LoadOptions = {},
  ) {}

  /** Names or patterns; one has to match. */
  type(...types: string[]): EventQuery {
    return this.#and({ types });
  }

  /** Emitted at this time or later. */
  since(since: Date): EventQuery {
    return this.#and({ since });
  }

  /** Emitted before this time. */
  until(until: Date): EventQuery {
    return this.#and({ until });
  }

  correlationId(correlationId: string): EventQuery {
    return this.#and({ correlationId });
  }

  causationId(causationId: string): EventQuery {
    return this.#and({ causationId });
  }

  source(source: string): EventQuery {
    return this.#and({ source });
  }

  stream(streamId: string): EventQuery {
    return this.#and({ streamId });
  }

  /** Every field given has this value. */
  metadata(metadata: EventMetadata): EventQuery {
    return this.#and({ metadata });
  }

  publication(publication: Publication): EventQuery {
    return this.#and({ publication });
  }

  /** Begins behind this position. */
  after(position: string): EventQuery {
    return this.#and({ after: position });
  }

  /** The most events to read. */
  limit(limit: number): EventQuery {
    return this.#and({ limit });
  }

  /** The newest first. */
  backward(): EventQuery {
    return this.#and({ direction: 'backward' });
  }

  /** The number of events that meet the criteria, whatever `after`, `limit` and direction say. */
  count(): Promise<number> {
    const { after: _after, limit: _limit, direction: _direction, ...criteria } = this.options;
    return this.store.count(criteria);
  }

  async first(): Promise<StoredEvent | undefined> {
    for await (const event of this.limit(1)) return event;
    return undefined;
  }

  /** All of them at once: for queries with few. */
  async toArray(): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    for await (const event of this) events.push(event);
    return events;
  }

  [Symbol.asyncIterator](): AsyncIterator<StoredEvent> {
    return this.store.load(this.options)[Symbol.asyncIterator]();
  }

  #and(more: LoadOptions): EventQuery {
    return new EventQuery(this.store, { ...this.options, ...more });
  }
}
