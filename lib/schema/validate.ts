import type { StandardSchemaV1 } from '@standard-schema/spec';
import { EventValidationError, UnrecoverableError, type EventValidationIssue } from '../errors.js';
import type { Event } from '../event.js';
import type { EventDefinition } from './define-event.js';
import { upcastData } from './versions.js';

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

/** How strictly {@link toCurrent} reads. */
export interface ReadingRules {
  /** Run the schema over the data. */
  readonly validate: boolean;
  /** Take data that is newer than the definition for data of its version. */
  readonly acceptNewer: boolean;
}

/**
 * Makes an event that came from a broker or a store what its handlers expect: present name, present version, checked
 * data.
 *
 * @throws {EventValidationError} when the data does not fit.
 * @throws {UnrecoverableError} when the event is newer than the definition, or an upcaster fails.
 */
export function toCurrent(
  event: Event,
  definition: EventDefinition,
  { validate, acceptNewer }: ReadingRules,
): Event | Promise<Event> {
  const isNewer = event.version > definition.version;
  if (isNewer && !acceptNewer) {
    throw new UnrecoverableError(
      `Event '${event.type}' arrived in version ${event.version}, but this process knows versions up to ${definition.version}. Deploy the newer definition, then retry the dead letter.`,
    );
  }
  if (event.version === definition.version && event.type === definition.name) {
    if (definition.schema === undefined || !validate) return event;
  }
  const data = upcastData(event, definition);
  if (definition.schema === undefined || !validate) {
    return event.with(data, isNewer ? event.version : definition.version, definition.name);
  }
  // What passed the schema is of its version, whatever it was: a retry must not take it for something newer.
  const current = (checked: unknown) => event.with(checked, definition.version, definition.name);
  const checked = validateData(definition.name, definition.schema, data);
  return checked instanceof Promise ? checked.then(current) : current(checked);
}
