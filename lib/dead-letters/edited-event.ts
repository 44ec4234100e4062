import type { Event } from '../event.js';
import type { EventDefinition } from '../schema/define-event.js';
import type { SchemaGate } from '../schema/schema-gate.js';
import { decodeEvent, encodeEvent, reviveEvent } from '../wire/cloud-events.js';
import { ALL_HANDLERS, type DeadLetter, type RawMessage, UNREADABLE_EVENT } from './dead-letter.js';

/** What is known of events by their names. */
export interface EventKnowledge {
  readonly schemas: SchemaGate;
  readonly definitionOf: (type: string) => EventDefinition | undefined;
}

/**
 * The event of an entry with other data, checked as `emit*` would. For an entry that holds no event `data` is a whole
 * one.
 *
 * @throws {EventValidationError} @throws {EventSerializationError} when a whole event is needed and this is none.
 */
export async function editedEvent(
  { event, handlerId }: DeadLetter,
  data: unknown,
  { schemas, definitionOf }: EventKnowledge,
): Promise<Event> {
  if (handlerId === ALL_HANDLERS && event.type === UNREADABLE_EVENT) {
    const whole = typeof data === 'string' ? decodeEvent(data) : reviveEvent(data as Event);
    const definition = definitionOf(whole.type);
    return definition === undefined ? whole : schemas.onConsume(whole, definition);
  }
  const definition = definitionOf(event.type);
  if (definition === undefined) return event.with(data);
  const checked = await schemas.onEmit(definition, data);
  return schemas.onEmitted(event.with(checked, definition.version, definition.name));
}

/** What an event was before it is edited, as a broker would hold it. */
export function rawMessageOf(event: Event): RawMessage {
  return {
    body: encodeEvent(event),
    encoding: 'utf8',
    headers: { 'content-type': 'application/cloudevents+json' },
  };
}
