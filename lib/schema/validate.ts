import type { StandardSchemaV1 } from '@standard-schema/spec';
import { EventValidationError, UnrecoverableError, type EventValidationIssue } from '../errors.js';
import { Event } from '../event.js';
import type { EventDefinition } from './define-event.js';

/**
 * Runs a schema over the data of an event.
 *
 * @returns The schema's output; a promise only when the schema itself is asynchronous.
 * @throws {EventValidationError} (or rejects with it) naming every bad field.
 */
export function validateData<Out>(
  eventType: string,
  schema: StandardSchemaV1<unknown, Out>,
  data: unknown,
): Out | Promise<Out> {
  const result = schema['~standard'].validate(data);
  if (result instanceof Promise) return result.then((settled) => outputOf(eventType, settled));
  return outputOf(eventType, result);
}

function outputOf<Out>(eventType: string, result: StandardSchemaV1.Result<Out>): Out {
  if (result.issues) throw new EventValidationError(eventType, result.issues.map(toIssue));
  return result.value;
}

function toIssue({ message, path = [] }: StandardSchemaV1.Issue): EventValidationIssue {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part));
  return { path: keys.join('.'), message };
}

/**
 * Makes an event that came from a broker what its handlers expect: present name, present version, checked data.
 *
 * @throws {EventValidationError} when the data does not fit.
 * @throws {UnrecoverableError} when the event is newer than the definition, or an upcaster fails.
 */
export function toCurrent(event: Event, definition: EventDefinition): Event | Promise<Event> {
  if (event.version > definition.version) {
    throw new UnrecoverableError(
      `Event '${event.type}' arrived in version ${event.version}, but this process knows versions up to ${definition.version}. Deploy the newer definition, then retry the dead letter.`,
    );
  }
  const data = upcast(event, definition);
  const current = (checked: unknown) => event.with(checked, definition.version, definition.name);
  if (definition.schema === undefined) return current(data);
  const checked = validateData(definition.name, definition.schema, data);
  return checked instanceof Promise ? checked.then(current) : current(checked);
}

function upcast(event: Event, { name, version, upcast: steps }: EventDefinition): unknown {
  let data = event.data;
  for (let from = event.version; from < version; from++) {
    const step = steps[from];
    if (step === undefined) continue; // without upcasters every version is taken to be compatible
    try {
      data = step(data as never);
    } catch (cause) {
      throw new UnrecoverableError(
        `The upcaster of event '${name}' from version ${from} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  }
  return data;
}
