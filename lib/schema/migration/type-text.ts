import { fieldNames, fieldOf, requires } from '../compare/fields.js';
import { typesOf, valuesOf } from '../compare/types.js';
import { flatten, type JsonSchema, subschema, takesNothing } from '../json-schema.js';

const MAX_DEPTH = 10;

/** A schema as a TypeScript type. What has no counterpart is `unknown`. */
export function typeText(value: unknown, root: JsonSchema, depth = 0): string {
  const schema = flatten(value, root);
  if (depth > MAX_DEPTH) return 'unknown'; // schemas may contain themselves
  if (takesNothing(schema)) return 'never';
  const values = valuesOf(schema);
  if (values?.every((each) => each === null || typeof each !== 'object')) return union(values.map(literal));
  const branches = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(branches)) return union(branches.map((branch) => typeText(branch, root, depth + 1)));
  return union(typesOf(schema)?.map((type) => ofType(type, schema, root, depth)) ?? ['unknown']);
}

function ofType(type: string, schema: JsonSchema, root: JsonSchema, depth: number): string {
  if (type === 'integer') return 'number';
  if (type === 'object') return objectText(schema, root, depth);
  if (type !== 'array') return type;
  const tuple = schema['prefixItems'] ?? schema['items'];
  if (Array.isArray(tuple)) return `[${tuple.map((item) => typeText(item, root, depth + 1)).join(', ')}]`;
  const item = typeText(schema['items'], root, depth + 1);
  return /^[\w.]+$/.test(item) ? `${item}[]` : `Array<${item}>`;
}

function objectText(schema: JsonSchema, root: JsonSchema, depth: number): string {
  const names = fieldNames(schema);
  if (names.length === 0) {
    return `Record<string, ${typeText(subschema(schema['additionalProperties']), root, depth + 1)}>`;
  }
  const fields = names.map((name) => {
    const type = typeText(fieldOf({ written: schema, read: schema }, name)!.written, root, depth + 1);
    return `${propertyName(name)}${requires(schema, name) ? '' : '?'}: ${type}`;
  });
  return `{ ${fields.join('; ')} }`;
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ') || 'never';
}

/** A name as it stands in an object literal. */
export function propertyName(name: string): string {
  return isIdentifier(name) && name !== '__proto__' ? name : literal(name);
}

export function isIdentifier(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name);
}

/** A JSON value as TypeScript, strings in single quotes. */
export function literal(value: unknown): string {
  const json = JSON.stringify(value) ?? 'undefined';
  if (typeof value !== 'string') return json;
  return `'${json.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
