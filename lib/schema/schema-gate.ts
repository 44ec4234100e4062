import type { Event } from '../event.js';
import type { EventDefinition } from './define-event.js';
import { toCurrent, validateData } from './validate.js';

/** Lets only data through that fits its definition: on emit what callers pass, on arrival what brokers bring. */
export class SchemaGate {
  /** Events whose data this process has checked; a schema need not accept its own output a second time. */
  readonly #checked = new WeakSet<Event>();

  /** The data to send. @throws {EventValidationError} */
  onEmit(definition: EventDefinition | undefined, data: unknown): unknown {
    if (definition?.schema === undefined) return data;
    return validateData(definition.name, definition.schema, data);
  }

  /** Remembers that an event was made from checked data. */
  mark(event: Event): Event {
    this.#checked.add(event);
    return event;
  }

  /** @throws {EventValidationError} @throws {UnrecoverableError} when the event is newer than its definition. */
  onConsume(event: Event, definition: EventDefinition): Event | Promise<Event> {
    if (this.#checked.has(event)) return event;
    const current = toCurrent(event, definition);
    if (current instanceof Promise) return current.then((checked) => this.mark(checked));
    return this.mark(current);
  }
}
