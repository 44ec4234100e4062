import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import { EventConfigurationError } from '../../errors.js';
import { isObject, type JsonSchema } from '../json-schema.js';
import { loadPeer } from './load-peer.js';

/** What is needed of an instance of Ajv 8. */
export interface AjvLike {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- schemas of Ajv's own type
  compile(schema: any): AjvValidator;
}

/** A compiled schema of Ajv. Asynchronous ones (`$async`) are refused. */
export interface AjvValidator {
  (data: unknown): unknown;
  readonly errors?: readonly AjvIssue[] | null;
}

/** One error of Ajv, as far as it is read. */
export interface AjvIssue {
  readonly instancePath: string;
  readonly params: object;
  readonly message?: string;
}

/** Options of {@link fromJsonSchema}. */
export interface FromJsonSchemaOptions {
  /**
   * An instance of Ajv of one's own, with formats, keywords or other schemas; with `allErrors`, or else only the first
   * bad field is told. Default: one that reports everything and takes `format` for a note, as draft 2020-12 says.
   */
  readonly ajv?: AjvLike;
}

/** What {@link fromJsonSchema} makes: a Standard Schema and a Standard JSON Schema. */
export interface JsonSchemaAdapter<T> {
  readonly '~standard': StandardSchemaV1.Props<T> & StandardJSONSchemaV1.Props<T>;
}

type Dialect = 'draft-2020-12' | 'draft-07';

/** Keywords that the other draft does not know or reads differently. */
const ONLY_IN: { readonly [D in Dialect]: (key: string, value: unknown) => boolean } = {
  'draft-2020-12': (key) =>
    /^(?:prefixItems|dependentSchemas|dependentRequired|unevaluated(?:Items|Properties)|\$dynamic(?:Ref|Anchor)|\$anchor|(?:min|max)Contains)$/.test(
      key,
    ),
  'draft-07': (key, value) =>
    /^(?:additionalItems|dependencies)$/.test(key) || (key === 'items' && Array.isArray(value)),
};

/**
 * A JSON Schema as a Standard Schema, checked by the package `ajv` (8), which the application installs.
 *
 * @param schema Of draft 2020-12, which is taken where `$schema` says nothing, or draft-07. Defaults in it are not filled
 *   in: data passes as it is or not at all.
 * @throws {EventConfigurationError} when ajv is missing, the draft is another one, or the schema is none.
 *
 * @example
 * interface OrderPlacedData { orderId: string }
 * const schema = fromJsonSchema<OrderPlacedData>({
 *   type: 'object', properties: { orderId: { type: 'string' } }, required: ['orderId'],
 * });
 */
export function fromJsonSchema<T = unknown>(
  schema: JsonSchema,
  { ajv }: FromJsonSchemaOptions = {},
): JsonSchemaAdapter<T> {
  if (!isObject(schema)) {
    throw new EventConfigurationError(
      `fromJsonSchema() takes a JSON Schema that is an object, but was given ${String(schema)}.`,
    );
  }
  const dialect = dialectOf(schema);
  const validator = compile(ajv ?? ownAjv(dialect), schema);
  const jsonSchema = ({ target }: StandardJSONSchemaV1.Options) => inDraft(schema, dialect, target);
  return Object.freeze({
    '~standard': Object.freeze({
      version: 1,
      vendor: 'json-schema',
      validate: (data: unknown) => {
        if (validator(data) === true) return { value: data as T };
        return { issues: (validator.errors ?? []).map(toIssue) };
      },
      jsonSchema: { input: jsonSchema, output: jsonSchema },
    } as const),
  });
}

function dialectOf({ $schema = '' }: JsonSchema): Dialect {
  const uri = String($schema);
  if (uri === '' || uri.includes('/draft/2020-12/')) return 'draft-2020-12';
  if (uri.includes('/draft-07/')) return 'draft-07';
  throw new EventConfigurationError(
    `fromJsonSchema() was given a schema of ${uri}. It reads draft 2020-12 and draft-07.`,
  );
}

function ownAjv(dialect: Dialect): AjvLike {
  type Loaded = { readonly default: new (options: object) => AjvLike };
  const module = dialect === 'draft-07' ? 'ajv' : 'ajv/dist/2020.js';
  const { default: Ajv } = loadPeer(module, 'fromJsonSchema()') as Loaded;
  return new Ajv({ allErrors: true, strict: false, validateFormats: false });
}

function compile(ajv: AjvLike, schema: JsonSchema): AjvValidator {
  if (schema['$async'] === true) {
    throw new EventConfigurationError(`fromJsonSchema() cannot use an asynchronous schema. Remove '$async'.`);
  }
  try {
    return ajv.compile(schema);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EventConfigurationError(`fromJsonSchema() was given what is no JSON Schema: ${why}`, { cause });
  }
}

function toIssue({ instancePath, params, message = 'is invalid' }: AjvIssue): StandardSchemaV1.Issue {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  // Ajv blames the object for a field that is missing or should not be there.
  const { missingProperty, additionalProperty, allowedValues } = params as Record<string, unknown>;
  if (typeof missingProperty === 'string')
    return { path: [...path, missingProperty], message: 'is required' };
  if (typeof additionalProperty === 'string')
    return { path: [...path, additionalProperty], message: 'is not known' };
  return {
    path,
    message: Array.isArray(allowedValues) ? `${message}: ${allowedValues.join(', ')}` : message,
  };
}

/** The schema, if it means the same in the draft that is asked for. @throws when it does not. */
function inDraft(schema: JsonSchema, dialect: Dialect, target: string): Record<string, unknown> {
  if (target !== 'draft-2020-12' && target !== 'draft-07')
    throw new Error(`${target} is no draft that can be given`);
  if (target !== dialect) {
    const foreign = foreignKeyword(schema, ONLY_IN[dialect]);
    if (foreign !== undefined) throw new Error(`'${foreign}' of ${dialect} has no counterpart in ${target}`);
  }
  const uri =
    target === 'draft-07'
      ? 'http://json-schema.org/draft-07/schema#'
      : 'https://json-schema.org/draft/2020-12/schema';
  return { ...structuredClone(schema), $schema: uri };
}

function foreignKeyword(
  value: unknown,
  isForeign: (key: string, value: unknown) => boolean,
): string | undefined {
  if (Array.isArray(value))
    return value.map((item) => foreignKeyword(item, isForeign)).find((found) => found);
  if (!isObject(value)) return undefined;
  for (const [key, member] of Object.entries(value)) {
    if (isForeign(key, member)) return key;
    // Names of fields are no keywords, and values are no schemas.
    const members = /^(?:properties|patternProperties|\$defs|definitions)$/.test(key) && isObject(member);
    const found = /^(?:const|enum|default|examples)$/.test(key)
      ? undefined
      : foreignKeyword(members ? Object.values(member) : member, isForeign);
    if (found !== undefined) return found;
  }
  return undefined;
}
