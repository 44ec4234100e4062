import { isObject, type JsonSchema, strings, subschema } from '../json-schema.js';
import { type Difference, directions, type Version } from './difference.js';

/** The fields that a schema names: by saying what they are, or only that they have to be there. */
export function fieldNames(schema: JsonSchema): string[] {
  const described = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  return [...new Set([...described, ...strings(schema['required'])])];
}

/** A field on both sides; a side that lacks it is taken to be as the other. */
export function fieldOf({ written, read }: Version, name: string): Version | undefined {
  const [out, into] = [describedField(written, name), describedField(read, name)];
  if (out === undefined && into === undefined) return undefined;
  return { written: subschema(out ?? into), read: subschema(into ?? out) };
}

function describedField(schema: JsonSchema, name: string): unknown {
  const { properties } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  return requires(schema, name) ? (schema['additionalProperties'] ?? true) : undefined;
}

export function requires(schema: JsonSchema, name: string): boolean {
  return strings(schema['required']).includes(name);
}

/** A field that only the newer version has. */
export function added(path: string, name: string, from: Version, to: Version): Difference {
  const backward = requires(to.read, name);
  const forward = isClosedTo(from.read);
  const why = [
    backward ? 'is required, and earlier data does not have it' : 'is new and may be left out',
    ...(forward ? ['earlier readers refuse fields that they do not know'] : []),
  ];
  return { kind: 'field-added', path, message: why.join('; '), breaks: directions(backward, forward) };
}

/** A field that only the older version has. */
export function removed(path: string, name: string, from: Version, to: Version): Difference {
  const backward = isClosedTo(to.read);
  const forward = requires(from.read, name);
  const why = [
    forward ? 'is gone, and earlier readers require it' : 'is gone',
    ...(backward ? ['it is refused in earlier data'] : []),
  ];
  return { kind: 'field-removed', path, message: why.join('; '), breaks: directions(backward, forward) };
}

/** Whether a field that both versions have may be left out. */
export function* compareRequired(
  path: string,
  name: string,
  from: Version,
  to: Version,
): Generator<Difference> {
  const backward = requires(to.read, name) && !requires(from.written, name);
  const forward = requires(from.read, name) && !requires(to.written, name);
  if (backward) {
    const message = 'is required, and earlier data may lack it';
    yield { kind: 'field-required', path, message, breaks: ['backward'] };
  }
  if (forward) {
    const message = 'may be left out, and earlier readers require it';
    yield { kind: 'field-optional', path, message, breaks: ['forward'] };
  }
  if (backward || forward || requires(from.read, name) === requires(to.read, name)) return;
  const required = requires(to.read, name);
  yield {
    kind: required ? 'field-required' : 'field-optional',
    path,
    message: required ? 'is required' : 'may be left out',
    breaks: [],
  };
}

/** Whether fields that a schema does not name are refused. */
export function isClosedTo(schema: JsonSchema): boolean {
  return schema['additionalProperties'] === false;
}
