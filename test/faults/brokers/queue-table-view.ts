import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import type { EventBackend } from '../../../lib/backends/backend.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';
import { insist } from './insist.js';

/** What {@link QueueTableView} reads of a delivery. */
export interface DeliveryRow {
  readonly event_id: string;
  /** JSON; none of a first delivery. */
  readonly facts: string | null;
  readonly state: number;
  readonly owner: string | null;
  readonly leased_until: unknown;
  readonly taken: number;
}

/** The columns of {@link DeliveryRow}. */
export const COLUMNS = 'event_id, facts, state, owner, leased_until, taken';

/** A table of deliveries that somebody can read. */
export interface ReadableTable {
  readonly namespace: string;
  /** A backend that nobody consumes with. */
  readonly operator: EventBackend;
  /** All rows of the group. */
  rows(): Promise<readonly DeliveryRow[]>;
  close(): Promise<void>;
}

/** How long a server that was killed may take to answer again. */
const PATIENCE_MS = 30_000;

/** A table with a row for each delivery that is to be made: what is done has none. */
export class QueueTableView implements BrokerView {
  constructor(private readonly table: ReadableTable) {}

  get namespace(): string {
    return this.table.namespace;
  }

  async settled(): Promise<boolean> {
    return (await this.#rows()).length === 0;
  }

  async outstanding(): Promise<Outstanding[]> {
    return (await this.#rows()).map(workOf);
  }

  deadLetters(): Promise<DeadLetter[]> {
    return this.#insist(() => everyDeadLetter(this.table.operator.deadLetters!));
  }

  async whereabouts(eventId: string): Promise<string> {
    const rows = (await this.#rows()).filter((row) => row.event_id === eventId);
    return rows.length > 0 ? rows.map((row) => JSON.stringify(row)).join(', ') : 'in no row';
  }

  async publish(event: Event): Promise<void> {
    await this.table.operator.publish(event);
  }

  async close(): Promise<void> {
    await this.table.close();
    await this.table.operator.close();
  }

  #rows(): Promise<readonly DeliveryRow[]> {
    return this.#insist(() => this.table.rows());
  }

  #insist<T>(work: () => Promise<T>): Promise<T> {
    return insist('the database', PATIENCE_MS, work);
  }
}

function workOf({ event_id: eventId, facts }: DeliveryRow): Outstanding {
  const { handlerId = ALL_HANDLERS } = JSON.parse(facts ?? '{}') as { handlerId?: string };
  return { eventId, handlerId };
}
