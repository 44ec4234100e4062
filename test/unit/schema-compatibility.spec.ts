import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type } from 'arktype';
import {
  type CompatibilityMode,
  defineEvent,
  EventConfigurationError,
  fields,
  fromJsonSchema,
  type JsonSchema,
  SchemaRegistry,
} from 'nestjs-durable-events';
import { z } from 'zod';
import { random } from './random.js';

type Schema = NonNullable<Parameters<typeof defineEvent>[1]>['schema'];

function registryOf(from: unknown, to: unknown): SchemaRegistry {
  const upcast = { 1: (data: unknown) => data };
  return new SchemaRegistry().register(
    defineEvent('x', { schema: from as Schema }),
    defineEvent('x', { version: 2, schema: to as Schema, upcast }),
  );
}

/** The changes as `kind path`, those that break with a `!`. */
function changes(from: unknown, to: unknown, mode: CompatibilityMode): string[] {
  const { changes } = registryOf(from, to).compatibility('x', 1, 2, mode);
  return changes.map(({ kind, path, breaking }) => `${breaking ? '!' : ''}${kind} ${path}`);
}

const json = (schema: JsonSchema) => fromJsonSchema(schema);
const object = (properties: JsonSchema, more: JsonSchema = {}) =>
  json({ type: 'object', properties, ...more });

/** What changed, from what, to what, and whether that breaks backward and forward. */
const CASES: [string, unknown, unknown, string[], string[]][] = [
  ['nothing', fields({ a: 'string' }), fields({ a: 'string' }), [], []],
  [
    'an optional field',
    fields({}),
    fields({ a: { type: 'string', required: false } }),
    ['field-added a'],
    ['field-added a'],
  ],
  ['a required field', fields({}), fields({ a: 'string' }), ['!field-added a'], ['field-added a']],
  [
    'a field with a default',
    z.object({}),
    z.object({ a: z.string().default('x') }),
    ['field-added a'],
    ['field-added a'],
  ],
  ['a required field less', fields({ a: 'string' }), fields({}), ['field-removed a'], ['!field-removed a']],
  [
    'a field less that is refused then',
    z.object({ a: z.string() }),
    z.strictObject({}),
    ['!field-removed a', 'fields-closed '],
    ['!field-removed a', 'fields-closed '],
  ],
  [
    'a field that has to be there',
    fields({ a: { type: 'string', required: false } }),
    fields({ a: 'string' }),
    ['!field-required a'],
    ['field-required a'],
  ],
  [
    'a field that may be left out',
    fields({ a: 'string' }),
    fields({ a: { type: 'string', required: false } }),
    ['field-optional a'],
    ['!field-optional a'],
  ],
  [
    'another type',
    fields({ a: 'string' }),
    fields({ a: 'number' }),
    ['!type-changed a'],
    ['!type-changed a'],
  ],
  [
    'a wider type',
    fields({ a: 'integer' }),
    fields({ a: 'number' }),
    ['type-widened a'],
    ['!type-widened a'],
  ],
  [
    'a narrower type',
    z.object({ a: z.union([z.string(), z.number()]) }),
    z.object({ a: z.string() }),
    ['!type-narrowed a'],
    ['type-narrowed a'],
  ],
  ['null', type({ a: 'string' }), type({ a: 'string | null' }), ['type-widened a'], ['!type-widened a']],
  [
    'no null',
    z.object({ a: z.string().nullable() }),
    z.object({ a: z.string() }),
    ['!type-narrowed a'],
    ['type-narrowed a'],
  ],
  ['a value more', z.enum(['a']), z.enum(['a', 'b']), ['values-added '], ['!values-added ']],
  ['a value less', z.enum(['a', 'b']), z.enum(['b']), ['!values-removed '], ['values-removed ']],
  ['values at all', z.string(), z.enum(['a']), ['!values-removed '], ['values-removed ']],
  [
    'a nested field',
    fields({ a: fields({ b: 'string' }) }),
    fields({ a: fields({ b: 'string', c: 'string' }) }),
    ['!field-added a.c'],
    ['field-added a.c'],
  ],
  [
    'a field of items',
    fields({ a: [fields({ b: 'string' })] }),
    fields({ a: [fields({ b: 'integer' })] }),
    ['!type-changed a[].b'],
    ['!type-changed a[].b'],
  ],
  [
    'a list of lists',
    fields({ a: [['string']] }),
    fields({ a: [['unknown']] }),
    ['type-widened a[][]'],
    ['!type-widened a[][]'],
  ],
  [
    'a lower minimum',
    z.number().min(5),
    z.number().min(3),
    ['constraint-loosened '],
    ['!constraint-loosened '],
  ],
  [
    'a minimum that is excluded',
    json({ minimum: 5 }),
    json({ exclusiveMinimum: 5 }),
    ['!constraint-tightened '],
    ['constraint-tightened '],
  ],
  [
    'a maximum',
    z.array(z.string()),
    z.array(z.string()).max(3),
    ['!constraint-tightened '],
    ['constraint-tightened '],
  ],
  [
    'another pattern',
    z.string().regex(/a/),
    z.string().regex(/b/),
    ['!constraint-changed '],
    ['!constraint-changed '],
  ],
  [
    'unique items',
    json({ type: 'array' }),
    json({ type: 'array', uniqueItems: true }),
    ['!constraint-tightened '],
    ['constraint-tightened '],
  ],
  [
    'fields of any name, of another type',
    z.record(z.string(), z.string()),
    z.record(z.string(), z.number()),
    ['!type-changed *'],
    ['!type-changed *'],
  ],
  [
    'no unknown fields',
    object({}),
    object({}, { additionalProperties: false }),
    ['!fields-closed '],
    ['fields-closed '],
  ],
  [
    'unknown fields',
    object({}, { additionalProperties: false }),
    object({}),
    ['fields-opened '],
    ['!fields-opened '],
  ],
  [
    'a place of a tuple',
    json({ prefixItems: [{ type: 'string' }] }),
    json({ prefixItems: [{ type: 'string' }, { type: 'string' }] }),
    ['!type-changed '],
    ['!type-changed '],
  ],
  [
    'the type in a place of a tuple',
    z.tuple([z.string()]),
    z.tuple([z.number()]),
    ['!type-changed [0]'],
    ['!type-changed [0]'],
  ],
  [
    'a variant',
    z.discriminatedUnion('k', [z.object({ k: z.literal('a') })]),
    z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
    ['variant-added '],
    ['!variant-added '],
  ],
  [
    'a field of a variant',
    z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
    z.discriminatedUnion('k', [
      z.object({ k: z.literal('b'), n: z.number() }),
      z.object({ k: z.literal('a') }),
    ]),
    ['!field-added n'],
    ['field-added n'],
  ],
  [
    'what cannot be compared',
    json({ not: { type: 'string' } }),
    json({ not: { type: 'number' } }),
    ['!not-compared '],
    ['!not-compared '],
  ],
  [
    'a title and an example',
    json({ type: 'string', title: 'a' }),
    json({ type: 'string', title: 'b', examples: ['c'] }),
    [],
    [],
  ],
  [
    'where a definition stands',
    json({ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }),
    json({ type: 'string' }),
    [],
    [],
  ],
  [
    'the parts of an allOf',
    json({ allOf: [{ type: 'object', properties: { a: { type: 'string' } } }, { required: ['a'] }] }),
    object({ a: { type: 'string' } }),
    ['field-optional a'],
    ['!field-optional a'],
  ],
];

describe.each(CASES)('%s', (_, from, to, backward, forward) => {
  it('is told, and whether it breaks', () => {
    expect(changes(from, to, 'backward')).toEqual(backward);
    expect(changes(from, to, 'forward')).toEqual(forward);
    const breaking = (list: string[]) =>
      list.filter((change) => change.startsWith('!')).map((change) => change.slice(1));
    const full = changes(from, to, 'full');
    expect(new Set(breaking(full))).toEqual(new Set([...breaking(backward), ...breaking(forward)]));
    expect(registryOf(from, to).compatibility('x', 1, 2, 'full').compatible).toBe(
      breaking(full).length === 0,
    );
  });
});

describe('a comparison', () => {
  it('says what changed and why it breaks', () => {
    const from = fields({ name: 'string', plan: { type: 'string', enum: ['free', 'team'] } });
    const to = fields({ first: 'string', plan: { type: 'string', enum: ['free'] } });
    expect(registryOf(from, to).compatibility('x', 1, 2)).toEqual({
      compatible: false,
      changes: [
        {
          kind: 'field-removed',
          path: 'name',
          breaking: false,
          message: 'is gone, and earlier readers require it',
        },
        { kind: 'values-removed', path: 'plan', breaking: true, message: "does not take 'team' any more" },
        {
          kind: 'field-added',
          path: 'first',
          breaking: true,
          message: 'is required, and earlier data does not have it',
        },
      ],
    });
  });

  it('comes to an end with schemas that contain themselves', () => {
    const tree = (leaf: z.ZodType) => {
      const Node = z.object({
        leaf,
        get children() {
          return z.array(Node);
        },
      });
      return Node;
    };
    expect(changes(tree(z.string()), tree(z.string()), 'full')).toEqual([]);
    expect(changes(tree(z.string()), tree(z.number()), 'full')).toEqual(['!type-changed leaf']);
  });

  it('takes what has no JSON Schema for incompatible, with the reason', () => {
    const report = registryOf(z.object({ at: z.date() }), z.object({})).compatibility('x', 1, 2);
    expect(report.compatible).toBe(false);
    expect(report.changes[0]!.message).toContain('Date cannot be represented in JSON Schema');
  });

  it('refuses versions and modes that it does not know', () => {
    const registry = registryOf(fields({}), fields({}));
    expect(() => registry.compatibility('x', 1, 3)).toThrow(
      "The schema registry does not know version 3 of 'x'. It knows version 1, 2 of it.",
    );
    expect(() => registry.compatibility('y', 1, 2)).toThrow(
      "does not know 'y'. It knows x. Register its definition.",
    );
    expect(() => registry.compatibility('x', 1, 2, 'both' as never)).toThrow(EventConfigurationError);
  });

  it('calls compatible only what the other version really reads', () => {
    const { pick, integer } = random(11);
    const leaf = (): JsonSchema =>
      pick<() => JsonSchema>([
        () => ({ type: 'string' }),
        () => ({ type: pick(['integer', 'number']), minimum: integer(3) }),
        () => ({ type: ['string', 'null'], maxLength: integer(3) }),
        () => ({ enum: [...new Set([pick(['a', 'b']), pick(['a', 'b', 1])])] }),
        () => ({ anyOf: [{ type: 'number', maximum: integer(3) }, { type: 'boolean' }] }),
        () => ({ type: 'array', items: { type: pick(['string', 'integer']) }, minItems: integer(2) }),
        () => ({ type: 'object', properties: { c: { type: 'string' } }, required: pick([[], ['c']]) }),
      ])();
    const whole = (): JsonSchema => ({
      type: 'object',
      properties: { a: leaf(), ...(integer(2) === 0 && { b: leaf() }) },
      ...(integer(2) === 0 && { required: pick([['a'], ['a', 'b'], ['b']]) }),
      ...(integer(3) === 0 && { additionalProperties: false }),
    });
    const values = ['a', 'bcd', 0, 1, 2, 2.5, 7, null, true, [], ['a'], [1], {}, { c: 'x' }, { c: 1 }];
    const ajv = new Ajv2020({ strict: false });
    const found = { compatible: 0, incompatible: 0 };
    for (let i = 0; i < 500; i++) {
      const from = whole();
      const to =
        integer(3) === 0
          ? whole()
          : { ...from, ...pick([{ required: [] }, { properties: whole()['properties'] }]) };
      const [old, present] = [ajv.compile(from), ajv.compile(to)];
      const { compatible } = registryOf(json(from), json(to)).compatibility('x', 1, 2);
      found[compatible ? 'compatible' : 'incompatible']++;
      if (!compatible) continue;
      for (let n = 0; n < 40; n++) {
        const data = {
          ...(integer(3) > 0 && { a: pick(values) }),
          // Fields that a version does not name are taken for fields that nobody writes.
          ...(integer(2) > 0 && 'b' in (from['properties'] as object) && { b: pick(values) }),
        };
        expect([from, to, data, !old(data) || present(data)]).toEqual([from, to, data, true]);
      }
    }
    expect(found.compatible).toBeGreaterThan(50);
    expect(found.incompatible).toBeGreaterThan(50);
  });
});
