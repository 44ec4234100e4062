import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';

/** A JSON Schema that is an object; keywords are not typed, for there are several drafts. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Which drafts schemas are asked for. */
export type JsonSchemaDraft = 'draft-2020-12' | 'draft-07';

/** What a schema describes: the data that it takes, or the data that it gives. */
export type SchemaSide = 'input' | 'output';

/** A JSON Schema, or why there is none. */
export type JsonSchemaResult = { readonly schema: JsonSchema } | { readonly warning: string };

/**
 * The JSON Schema of a Standard Schema, by Standard JSON Schema 1: zod 4 and arktype have it, and `fields()` and
 * `fromJsonSchema()`.
 */
export function jsonSchemaOf(
  schema: StandardSchemaV1 | undefined,
  side: SchemaSide,
  target: JsonSchemaDraft,
): JsonSchemaResult {
  if (schema === undefined) return { warning: 'it has no schema' };
  const standard = schema['~standard'] as StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props>;
  if (standard.jsonSchema === undefined) {
    const wrap =
      standard.vendor === 'valibot' ? '; wrap it with toStandardJsonSchema() of @valibot/to-json-schema' : '';
    return { warning: `its ${standard.vendor} schema has no JSON Schema${wrap}` };
  }
  try {
    return { schema: standard.jsonSchema[side]({ target }) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      warning: `its ${standard.vendor} schema has no JSON Schema of draft ${target.slice(6)}: ${why}`,
    };
  }
}

/** A schema as written in a document, with the document that its references point into. */
export interface Located {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

const ANYTHING: JsonSchema = Object.freeze({});
const NOTHING: JsonSchema = Object.freeze({ not: ANYTHING });

/** A keyword's value as a schema: `true` and what is left out take anything, `false` nothing. */
export function subschema(value: unknown): JsonSchema {
  if (value === false) return NOTHING;
  return isObject(value) ? value : ANYTHING;
}

export function takesNothing(schema: JsonSchema): boolean {
  return schema === NOTHING;
}

/** Follows local references. One that leads nowhere stays, and can then not be compared. */
export function dereference(value: unknown, root: JsonSchema): JsonSchema {
  let schema = subschema(value);
  for (let hops = 0; typeof schema['$ref'] === 'string' && hops < 50; hops++) {
    const target = lookUp(schema['$ref'], root);
    if (target === undefined) break;
    const { $ref: _, ...beside } = schema;
    schema = Object.keys(beside).some((key) => !ANNOTATIONS.has(key)) ? { allOf: [target, beside] } : target;
  }
  return schema;
}

/** Keywords that say nothing about which data is valid. */
export const ANNOTATIONS: ReadonlySet<string> = new Set(
  '$schema $id id $comment $defs definitions title description default examples deprecated readOnly writeOnly'.split(
    ' ',
  ),
);

function lookUp(reference: string, root: JsonSchema): JsonSchema | undefined {
  if (!reference.startsWith('#')) return undefined;
  let found: unknown = root;
  for (const part of decodeURIComponent(reference.slice(1)).split('/').slice(1)) {
    found = (found as Record<string, unknown> | undefined)?.[
      part.replaceAll('~1', '/').replaceAll('~0', '~')
    ];
  }
  return isObject(found) ? found : undefined;
}

/** One schema that says what all parts of an `allOf` say; parts that contradict each other stay as they are. */
export function flatten(value: unknown, root: JsonSchema): JsonSchema {
  const schema = dereference(value, root);
  if (!Array.isArray(schema['allOf'])) return schema;
  const { allOf, ...own } = schema;
  const rest: JsonSchema[] = [];
  let merged: Record<string, unknown> = own;
  for (const part of allOf as unknown[]) {
    const flat = flatten(part, root);
    const both = merge(merged, flat);
    if (both === undefined) rest.push(flat);
    else merged = both;
  }
  return rest.length === 0 ? merged : { ...merged, allOf: rest };
}

function merge(a: JsonSchema, b: JsonSchema): Record<string, unknown> | undefined {
  const merged: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const present = merged[key];
    if (present === undefined || ANNOTATIONS.has(key)) merged[key] = value;
    else if (key === 'required') merged[key] = [...new Set([...strings(present), ...strings(value)])];
    else if (key === 'properties' && isObject(present) && isObject(value)) {
      const shared = Object.keys(value).filter((name) => name in present);
      merged[key] = {
        ...present,
        ...value,
        ...Object.fromEntries(shared.map((name) => [name, { allOf: [present[name], value[name]] }])),
      };
    } else if (JSON.stringify(present) !== JSON.stringify(value)) return undefined;
  }
  return merged;
}

export function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The strings of a list; none when it is no list. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
