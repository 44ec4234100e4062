import { UnrecoverableError } from '../errors.js';
import type { Event } from '../event.js';
import type { EventDefinition } from './define-event.js';
import type { SchemaPolicies } from './schema-options.js';
import { type ReadingRules, toCurrent, validateData } from './validate.js';
import { downcastEvent } from './versions.js';

/** Types that were warned of: producers may make them up as they go, so they are remembered up to a bound. */
const MAX_WARNED = 1000;

/** Lets only data through that fits its definition: on emit what callers pass, on arrival what brokers bring. */
export class SchemaGate {
  /** Events whose data this process has checked; a schema need not accept its own output a second time. */
  readonly #checked = new WeakSet<Event>();
  readonly #warned = new Set<string>();
  readonly #checksEmitted: boolean;
  readonly #reading: ReadingRules;

  constructor(
    private readonly policies: SchemaPolicies,
    private readonly warn: (message: string) => void,
  ) {
    const { validate, unknownVersion } = policies;
    this.#checksEmitted = validate === 'publish' || validate === 'both';
    this.#reading = {
      validate: validate === 'consume' || validate === 'both',
      acceptNewer: unknownVersion === 'accept',
    };
  }

  /** The data to send. @throws {EventValidationError} */
  onEmit(definition: EventDefinition | undefined, data: unknown): unknown {
    if (definition?.schema === undefined || !this.#checksEmitted) return data;
    return validateData(definition.name, definition.schema, data);
  }

  /** Remembers that an event was made from checked data. */
  onEmitted(event: Event): Event {
    return this.#checksEmitted ? this.mark(event) : event;
  }

  /** Remembers that an event needs no further check. */
  mark(event: Event): Event {
    this.#checked.add(event);
    return event;
  }

  /** @throws {EventValidationError} @throws {UnrecoverableError} when the event is newer than its definition. */
  onConsume(event: Event, definition: EventDefinition): Event | Promise<Event> {
    if (this.#checked.has(event)) return event;
    const current = toCurrent(event, definition, this.#reading);
    if (current instanceof Promise) return current.then((checked) => this.mark(checked));
    return this.mark(current);
  }

  /** An event in its present form, whatever its schema says of its data. */
  unchecked(event: Event, definition: EventDefinition): Event | Promise<Event> {
    return toCurrent(event, definition, { ...this.#reading, validate: false });
  }

  /** For an event that has no definition. @throws {UnrecoverableError} when such are dead letters. */
  onUnknown({ type }: Event): void {
    const { unknownType } = this.policies;
    if (unknownType === 'ignore') return;
    if (unknownType === 'dead-letter') {
      throw new UnrecoverableError(
        `Event '${type}' arrived, but this process has no definition of it, and 'schemas.unknownType' is 'dead-letter'. Add its definition to 'schemas', then retry the dead letter.`,
      );
    }
    if (this.#warned.has(type) || this.#warned.size >= MAX_WARNED) return;
    this.#warned.add(type);
    this.warn(
      `Event '${type}' arrived, but this process has no definition of it: its data is not checked. Add its definition to 'schemas'. This is said once for each type.`,
    );
  }

  /** The event as it goes out: in the version that its definition says. */
  onPublish(event: Event, definition: EventDefinition | undefined): Event {
    if (definition === undefined || definition.publishVersion === definition.version) return event;
    return downcastEvent(event, definition, definition.publishVersion);
  }
}
