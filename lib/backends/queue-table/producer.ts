import { inTime } from '../../clients/in-time.js';
import type { Event } from '../../event.js';
import type { SqlClient } from '../../sql-client.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { assertEventSize } from '../../wire/event-size.js';
import type { Delivery, PublishOptions, PublishReceipt } from '../backend.js';
import { Batcher } from '../../batcher.js';
import type { Opening } from '../shared/opening.js';
import { notStored } from '../shared/publishing.js';
import { DATABASE, type QueueTableSettings } from './settings.js';
import type { NewEvent, QueueTable } from './queue-table.js';

const MOST_PER_INSERT = 500;

/** Makes rows of events, those of concurrent calls in one transaction. */
export class Producer {
  readonly #publishing: Batcher<NewEvent, PublishReceipt | void>;

  /** @param stored Told of each row that is in the table, with the milliseconds until it is due. */
  constructor(
    private readonly settings: QueueTableSettings,
    private readonly table: QueueTable,
    private readonly opening: Opening<void>,
    private readonly stored: (delayMs: number) => void,
  ) {
    this.#publishing = new Batcher((events) => this.#insert(events), MOST_PER_INSERT);
  }

  /** Whether an event waits or is on its way. */
  get busy(): boolean {
    return this.#publishing.busy;
  }

  async publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    const row = this.#rowOf(event, options);
    if (options?.transaction !== undefined) return this.#publishIn(options.transaction, row);
    const receipt = await this.#bounded(this.#publishing.add(row));
    this.stored(row.delayMs);
    return receipt;
  }

  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = delivery;
    const facts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    await this.#bounded(this.opening.get().then(() => this.table.redeliver(this.#rowOf(event), facts)));
    this.stored(0);
  }

  /** Resolves when nothing is on its way. */
  flushed(): Promise<void> {
    return this.#publishing.flushed();
  }

  async #insert(events: readonly NewEvent[]): Promise<(Error | PublishReceipt | void)[]> {
    await this.opening.get();
    return this.table.publish(events);
  }

  /** What fails is the caller's transaction, which sees its own errors as they are. */
  async #publishIn(client: SqlClient, row: NewEvent): Promise<PublishReceipt | void> {
    await this.opening.get();
    const [receipt] = await this.table.publishIn!(client, [row]);
    return receipt;
  }

  #rowOf(event: Event, { delayMs = 0, deduplicate = false }: PublishOptions = {}): NewEvent {
    const wire = encodeEvent(event);
    const { className, maxEventBytes, priorityOf } = this.settings;
    assertEventSize(event, wire, maxEventBytes, `option 'maxEventBytes' of ${className}`);
    const { id, source, key } = event;
    return { id, source, key, priority: priorityOf?.(event) ?? 0, delayMs, deduplicate, wire };
  }

  async #bounded<T>(work: Promise<T>): Promise<T> {
    try {
      return await inTime(DATABASE, this.settings.publishTimeoutMs, work);
    } catch (error) {
      throw notStored(this.settings.className, error);
    }
  }
}
