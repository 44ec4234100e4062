import type {
  BackendCapabilities,
  EventBackend,
  PublishEntry,
  PublishOptions,
  PublishReceipt,
} from '../backends/backend.js';
import type { DeadLetterStore } from '../dead-letters/dead-letter.js';
import { nameOf } from '../emit/envelope.js';
import type { Event } from '../event.js';
import type { EventKey, EventOf } from '../event-types.js';

/**
 * Remembers every event that was published. Around another backend it passes everything on, so that handlers run;
 * alone it delivers nothing.
 *
 * @example
 * const events = new RecordingBackend();
 * const app = await Test.createTestingModule({ imports: [EventsModule.forRoot(events), SignupModule] }).compile();
 * ...
 * expect(events.published('after:signup')).toHaveLength(1);
 */
export class RecordingBackend implements EventBackend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly deadLetters?: DeadLetterStore;
  readonly attach: EventBackend['attach'];
  readonly subscribe: EventBackend['subscribe'];
  readonly publishBatch: EventBackend['publishBatch'];
  readonly drain: EventBackend['drain'];
  readonly idle: EventBackend['idle'];
  readonly health: EventBackend['health'];
  readonly stats: EventBackend['stats'];
  readonly redeliver: EventBackend['redeliver'];
  readonly cancel: EventBackend['cancel'];
  #events: Event[] = [];

  /** @param inner Where events go after they were recorded. Default: nowhere. */
  constructor(private readonly inner?: EventBackend) {
    this.name = inner === undefined ? 'recording' : `recording ${inner.name}`;
    this.capabilities = inner === undefined ? { delay: true } : (inner.capabilities ?? {});
    this.deadLetters = inner?.deadLetters;
    // What the inner backend cannot do must be absent here, too: the bus looks for it.
    this.attach = inner?.attach?.bind(inner);
    this.subscribe = inner?.subscribe?.bind(inner);
    this.drain = inner?.drain?.bind(inner);
    this.idle = inner?.idle?.bind(inner);
    this.health = inner?.health?.bind(inner);
    this.stats = inner?.stats?.bind(inner);
    this.redeliver = inner?.redeliver?.bind(inner);
    this.cancel = inner?.cancel?.bind(inner);
    this.publishBatch = inner?.publishBatch && ((entries) => this.#publishBatch(inner, entries));
  }

  /** Events the inner backend refused are not recorded. */
  async publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    const receipt = await this.inner?.publish(event, options);
    this.#events.push(event);
    return receipt;
  }

  async close(): Promise<void> {
    await this.inner?.close();
  }

  /**
   * The recorded events, oldest first.
   *
   * @param type Only those of this name, definition or class.
   */
  published(): Event[];
  published<const K extends EventKey>(type: K): EventOf<K>[];
  published(type?: EventKey): Event[] {
    if (type === undefined) return [...this.#events];
    const name = nameOf(type);
    return this.#events.filter((event) => event.type === name);
  }

  /** Whether an event of this name, definition or class was published. */
  hasEvent(type: EventKey): boolean {
    return this.count(type) > 0;
  }

  /** How many events were published, of one name, definition or class or altogether. */
  count(type?: EventKey): number {
    return type === undefined ? this.#events.length : this.published(type).length;
  }

  /** Forgets what was recorded. */
  clear(): void {
    this.#events = [];
  }

  async #publishBatch(
    inner: EventBackend,
    entries: readonly PublishEntry[],
  ): Promise<(Error | PublishReceipt | void)[]> {
    const results = await inner.publishBatch!(entries);
    this.#events.push(...entries.filter((_, i) => !(results[i] instanceof Error)).map(({ event }) => event));
    return results;
  }
}
