import type { EventRecorder, RecorderHost } from '../emit/recorder.js';
import type { Event } from '../event.js';
import type { SqlClient } from '../sql-client.js';
import type { CheckpointStore } from './checkpoint-store.js';
import { checkCriteria, type EventCriteria, type LoadOptions } from './criteria.js';
import { EventQuery } from './event-query.js';
import { recorderFor } from './recording/recorder-for.js';
import type { RecordingOptions } from './recording/recording-options.js';
import type { SnapshotStore } from './snapshot-store.js';
import type { Publication, StoredEvent } from './stored-event.js';
import { Subscription } from './subscription.js';
import type { EventSubscription, SubscribeOptions, SubscriptionHandler } from './subscription-options.js';

/**
 * The version that a stream must have before an append: a number of events, `0` or `no-stream` for a stream that must
 * be new, `exists` for one that must not be, `any` to append whatever is there.
 */
export type ExpectedVersion = number | 'any' | 'no-stream' | 'exists';

/** Options of `append` and `appendBatch`. */
export interface AppendOptions {
  /** The stream to append to. Default: none, the event stands in the store by itself. */
  readonly streamId?: string | undefined;
  /** Checked in the same step as the append. Needs `streamId`. Default `any`. */
  readonly expectedVersion?: ExpectedVersion | undefined;
  /** Appends within this transaction of the store's database. */
  readonly transaction?: SqlClient | undefined;
  /** @internal What the bus knows about publishing it. */
  readonly publication?: Publication | undefined;
}

/** Where an event came to stand. */
export interface AppendResult {
  readonly id: string;
  /** `undefined` where it is known only when the transaction of the caller has committed. */
  readonly position: string | undefined;
  readonly streamVersion?: number | undefined;
  /** True when the store had an event of this id already, so that this one was left out. */
  readonly duplicate?: boolean | undefined;
}

/** Events that are read at a time by {@link EventStore.load}. */
const PAGE = 500;

/**
 * Keeps events for good, in one order that never changes and that readers can follow without missing one. The abstract
 * members are all that a store has to bring.
 */
export abstract class EventStore {
  /** Short and stable, for logs and receipts. */
  abstract readonly name: string;
  abstract readonly checkpoints: CheckpointStore;
  abstract readonly snapshots: SnapshotStore;

  /**
   * Appends events one behind the other, all or none. An event whose id the store has already is left out and its
   * place is reported, so that an append of unknown outcome can be repeated, with the same `expectedVersion`, too.
   *
   * @throws {StreamConflictError} when the stream is not at the expected version.
   * @throws {EventSerializationError} when the data of an event cannot be stored, before anything is.
   */
  abstract appendBatch(events: readonly Event[], options?: AppendOptions): Promise<AppendResult[]>;

  /** How many events meet the criteria. */
  abstract count(criteria?: EventCriteria): Promise<number>;

  /** Notes what became of publishing events. Ids that the store does not have are left out. */
  abstract settle(ids: readonly string[], publication: Publication, error?: string): Promise<void>;

  /**
   * At most `limit` events that meet the criteria, in the direction asked for, from behind `after`: fewer only when
   * there are no more. As they were stored; `load` is what applications read with.
   */
  abstract page(options: LoadOptions & { readonly limit: number }): Promise<StoredEvent[]>;

  /** The position of the last event that readers can see; `undefined` in an empty store. */
  abstract head(): Promise<string | undefined>;

  /**
   * Calls back when there may be new events. A hint, so that readers need not wait for their next look: it may come in
   * vain, late or not at all. Default: it never comes.
   *
   * @returns A function that ends it.
   */
  onAppended(_listener: () => void): () => void {
    return () => undefined;
  }

  /** Runs work in a transaction of the store's database. Absent where it has none. */
  transaction?<T>(work: (client: SqlClient) => Promise<T>): Promise<T>;

  /** Connects, and makes what is missing. Called once before use by whoever owns the store; may be called twice. */
  async open(): Promise<void> {}

  /** Ends every subscription, and closes what the store opened itself. May be called twice. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
  }

  /** As {@link appendBatch}, for one event. */
  async append(event: Event, options?: AppendOptions): Promise<AppendResult> {
    const [result] = await this.appendBatch([event], options);
    return result!;
  }

  /**
   * Reads events a page at a time, whatever their number.
   *
   * @throws {EventConfigurationError} at once, naming the criterion that cannot be used.
   */
  load(options: LoadOptions = {}): AsyncIterable<StoredEvent> {
    checkCriteria(options);
    return this.#read(options);
  }

  /** At most `limit` events of a stream in their order, from this version on. As they were stored. */
  abstract streamPage(streamId: string, fromVersion: number, limit: number): Promise<StoredEvent[]>;

  /**
   * Reads the events of a stream in their order, a page at a time. Whatever was appended is there at once.
   *
   * @param fromVersion The first version wanted, from 1. Default 1.
   */
  async *loadStream(streamId: string, fromVersion = 1): AsyncGenerator<StoredEvent> {
    for (let next = fromVersion; ; next += PAGE) {
      const page = await this.streamPage(streamId, next, PAGE);
      for (const event of page) yield await this.present(event);
      if (page.length < PAGE) return;
    }
  }

  /** Builds up which events to read, step by step. */
  query(): EventQuery {
    return new EventQuery(this);
  }

  /**
   * Hands events to a function, one at a time and in their order: first those that are there, then those that come.
   *
   * @throws {EventConfigurationError} at once, naming the option that cannot be used.
   */
  subscribe(
    criteria: EventCriteria,
    handler: SubscriptionHandler,
    options: SubscribeOptions = {},
  ): EventSubscription {
    checkCriteria(criteria);
    const subscription = new Subscription(this, criteria, handler, options);
    this.#subscriptions.add(subscription);
    void subscription.ended.then(() => this.#subscriptions.delete(subscription));
    return subscription;
  }

  /** @internal Makes what keeps the events of a bus here. @throws {EventConfigurationError} naming the wrong option. */
  recorder(options: RecordingOptions, host: RecorderHost): EventRecorder {
    return recorderFor(options, host);
  }

  /** @internal Has every event that is read brought into its present form. */
  readAs(current: (event: Event) => Event | Promise<Event>): void {
    this.#current = current;
  }

  readonly #subscriptions = new Set<Subscription>();
  #current: ((event: Event) => Event | Promise<Event>) | undefined;

  /** @internal The event in its present form. */
  present(event: StoredEvent): StoredEvent | Promise<StoredEvent> {
    return this.#current === undefined ? event : (this.#current(event) as StoredEvent | Promise<StoredEvent>);
  }

  async *#read({ limit = Infinity, after, ...options }: LoadOptions): AsyncGenerator<StoredEvent> {
    let left = limit;
    let cursor = after;
    while (left > 0) {
      const size = Math.min(PAGE, left);
      const page = await this.page({ ...options, after: cursor, limit: size });
      for (const event of page) yield await this.present(event);
      if (page.length < size) return;
      left -= page.length;
      cursor = page.at(-1)!.position;
    }
  }
}
