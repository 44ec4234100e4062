import { isObject, type JsonSchema, jsonSchemaOf } from '../schema/json-schema.js';
import type { DescribedEvent } from './described-events.js';

const TEXT = { type: 'string', minLength: 1 };

/** The attributes of CloudEvents 1.0 that an event has, and our own extensions. */
export function headersOf({ type, version }: DescribedEvent): JsonSchema {
  return {
    type: 'object',
    properties: {
      specversion: { type: 'string', const: '1.0' },
      id: { ...TEXT, description: 'The same on every delivery; with the source, unique.' },
      source: { ...TEXT, description: 'The service that emitted it.' },
      type: { type: 'string', const: type },
      time: { type: 'string', format: 'date-time' },
      datacontenttype: { type: 'string' },
      schemaversion: { const: version, description: 'Version of the data; 1 where it is left out.' },
      correlationid: { ...TEXT, description: 'Id of the flow; the id of the event where it is left out.' },
      causationid: { ...TEXT, description: 'Id of the event that caused it.' },
      partitionkey: { ...TEXT, description: 'Events of one key belong together.' },
    },
    required: ['specversion', 'id', 'source', 'type', ...(version > 1 ? ['schemaversion'] : [])],
  };
}

/** The data as a schema of draft-07, or why there is none. */
export function payloadOf(
  { type, version, definition, isDefined }: DescribedEvent,
  place: string,
): { readonly schema: JsonSchema } | { readonly warning: string } {
  if (definition === undefined) {
    const lack = isDefined
      ? `version ${version}, which is published, is not registered`
      : 'nobody defines it';
    return { warning: `Event '${type}' has no payload schema: ${lack}.` };
  }
  const found = jsonSchemaOf(definition.schema, 'output', 'draft-07');
  if ('warning' in found) return { warning: `Event '${type}' has no payload schema: ${found.warning}.` };
  const { $schema: _, $id: _id, ...schema } = rebased(found.schema, place) as JsonSchema;
  return { schema };
}

/** In a document, a reference within the schema has to say where the schema is. */
function rebased(value: unknown, place: string): unknown {
  if (Array.isArray(value)) return value.map((item) => rebased(item, place));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, member]) => {
    const isReference = key === '$ref' && typeof member === 'string' && member.startsWith('#');
    return [key, isReference ? `${place}${member.slice(1)}` : rebased(member, place)];
  });
  return Object.fromEntries(entries) as unknown;
}
