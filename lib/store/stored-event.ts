import { Event, NO_METADATA } from '../event.js';

/**
 * What became of publishing a recorded event: `pending` until the backend answered, which is also how a crash in
 * between leaves it; `inline` for one that only handlers of the process that emitted it were to see.
 */
export type Publication = 'pending' | 'published' | 'failed' | 'inline';

/** What a store adds to an event. */
export interface StoredFacts {
  /**
   * Where the event stands in the store: opaque text. Positions of one store sort as text in the order of the store.
   * Pass it on as `after`.
   */
  readonly position: string;
  /** When the store took it. */
  readonly recordedAt: Date;
  /** The stream it was appended to; `undefined` for an event of no stream. */
  readonly streamId?: string | undefined;
  /** Its place in that stream, from 1 and without holes. */
  readonly streamVersion?: number | undefined;
  /** Present only where a bus records what it publishes. */
  readonly publication?: Publication | undefined;
  /** Why it could not be published. */
  readonly publishError?: string | undefined;
}

/** An event as a store has it: the event that was appended, the same id included, and where it stands. */
export class StoredEvent<T = unknown, N extends string = string> extends Event<T, N> implements StoredFacts {
  readonly #facts: StoredFacts;

  /** @internal Stores make them. */
  constructor(event: Event<T, N>, facts: StoredFacts) {
    const { id, key, correlationId, causationId, metadata, inlinedBy } = event;
    super(event.type, event.data, event.createdAtMs, event.source, event.version, {
      id,
      key,
      correlationId: correlationId === id ? undefined : correlationId,
      causationId,
      metadata: metadata === NO_METADATA ? undefined : metadata,
      inlinedBy,
    });
    this.#facts = facts;
  }

  get position(): string {
    return this.#facts.position;
  }

  get recordedAt(): Date {
    return this.#facts.recordedAt;
  }

  get streamId(): string | undefined {
    return this.#facts.streamId;
  }

  get streamVersion(): number | undefined {
    return this.#facts.streamVersion;
  }

  get publication(): Publication | undefined {
    return this.#facts.publication;
  }

  get publishError(): string | undefined {
    return this.#facts.publishError;
  }

  /** @internal Another form of it stands in the same place. */
  override with<U>(data: U, version?: number, type?: string): StoredEvent<U> {
    return new StoredEvent(super.with(data, version, type), this.#facts);
  }
}
