import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Event } from '../event.js';
import type { EventClass } from '../event-types.js';
import { EventConfigurationError } from '../errors.js';
import { isStandardSchema } from './define-event.js';
import { validateData } from './validate.js';

/**
 * The data of an event as a checked or a real object: the same answer whether the event came from memory, with its
 * original object, or from a broker, as plain JSON.
 *
 * @param event The event a handler received.
 * @param target A Standard Schema that is synchronous, or a class. For a class the data becomes an instance with the
 *   same fields; its constructor does not run.
 * @throws {EventValidationError} when a schema refuses the data.
 * @throws {EventConfigurationError} when the schema is asynchronous, or `target` is neither schema nor class.
 *
 * @example
 * const signup = eventDataAs(event, Signup); // a Signup, with its methods
 */
export function eventDataAs<S extends StandardSchemaV1>(
  event: Event,
  target: S,
): StandardSchemaV1.InferOutput<S>;
export function eventDataAs<T>(event: Event, target: EventClass<T>): T;
export function eventDataAs(event: Event, target: StandardSchemaV1 | EventClass): unknown {
  if (isStandardSchema(target)) {
    const checked = validateData(event.type, target, event.data);
    if (checked instanceof Promise) {
      throw new EventConfigurationError(
        `eventDataAs() was given an asynchronous schema for event '${event.type}'; it needs one that validates synchronously.`,
      );
    }
    return checked;
  }
  if (typeof target !== 'function') {
    throw new EventConfigurationError(
      `eventDataAs() needs a Standard Schema or a class for event '${event.type}', but got ${String(target)}.`,
    );
  }
  return hydrate(event.data, target);
}

/** Gives plain data the prototype of a class. What is an instance already stays itself. */
function hydrate<T>(data: unknown, target: EventClass<T>): T {
  if (data instanceof target || data === null || typeof data !== 'object') return data as T;
  return Object.assign(Object.create(target.prototype as object) as object, data) as T;
}

/** The event with an instance of the class as its data: a handler that asks for a class gets one, also from JSON. */
export function hydrateEvent(event: Event, target: EventClass): Event {
  const data = hydrate(event.data, target);
  return data === event.data ? event : event.with(data);
}
