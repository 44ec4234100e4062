import { afterEach, describe, expect, it } from '@jest/globals';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { type } from 'arktype';
import { Transform, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsEmail,
  IsInt,
  IsOptional,
  IsString,
  registerDecorator,
  ValidateNested,
} from 'class-validator';
import {
  createEvent,
  defineEvent,
  type Event,
  EventConfigurationError,
  EventValidationError,
  fromClass,
  fromJsonSchema,
  type JsonSchema,
} from 'nestjs-durable-events';
import * as v from 'valibot';
import { z } from 'zod';
import { loadPeer } from '../../lib/schema/adapters/load-peer.js';
import { jsonSchemaOf } from '../../lib/schema/json-schema.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

async function issuesOf(promise: Promise<unknown>): Promise<Record<string, string>> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EventValidationError);
  return Object.fromEntries(
    (error as EventValidationError).issues.map(({ path, message }) => [path, message]),
  );
}

describe.each([
  '',
  'http://json-schema.org/draft-07/schema#',
  'https://json-schema.org/draft/2020-12/schema',
])('fromJsonSchema of draft %j', ($schema) => {
  const schema = fromJsonSchema<{ email: string; 'a/b'?: { n: number }[] }>({
    ...($schema !== '' && { $schema }),
    type: 'object',
    properties: {
      email: { type: 'string', format: 'email' },
      'a/b': {
        type: 'array',
        items: { type: 'object', properties: { n: { enum: [1, 2] } }, required: ['n'] },
      },
    },
    required: ['email'],
    additionalProperties: false,
  });
  const Signup = defineEvent('after:signup', { schema });

  it('lets through what fits, on emit and from a broker', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const seen: unknown[] = [];
    bus.on(Signup, ({ data }) => void seen.push(data.email));
    await bus.emitSync(Signup, { email: 'a' });
    await backend.dispatch!(createEvent('after:signup', { email: 'b' }));
    expect(seen).toEqual(['a', 'b']);
  });

  it('names every bad field', async () => {
    const bus = await startBus();
    const bad = { 'a/b': [{ n: 1 }, { n: 3 }, {}], other: 1 } as never;
    expect(await issuesOf(bus.emitAsync(Signup, bad))).toEqual({
      email: 'is required',
      other: 'is not known',
      'a/b.1.n': 'must be equal to one of the allowed values: 1, 2',
      'a/b.2.n': 'is required',
    });
  });
});

describe('fromJsonSchema', () => {
  it('takes an Ajv of the application, with formats', async () => {
    const ajv = new Ajv({ allErrors: true });
    formats.default(ajv);
    const schema = { type: 'object', properties: { at: { type: 'string', format: 'email' } } };
    const bus = await startBus();
    const Strict = defineEvent('x', { schema: fromJsonSchema<{ at?: string }>(schema, { ajv }) });
    expect(await issuesOf(bus.emitSync(Strict, { at: 'nobody' }))).toEqual({
      at: 'must match format "email"',
    });
    const Lax = defineEvent('y', { schema: fromJsonSchema<{ at?: string }>(schema) });
    await bus.emitSync(Lax, { at: 'nobody' });
  });

  it.each<[string, unknown, string]>([
    ['no schema', 'text', 'fromJsonSchema() takes a JSON Schema that is an object'],
    ['a draft it does not read', { $schema: 'http://json-schema.org/draft-04/schema#' }, 'draft-04'],
    ['what is no JSON Schema', { type: 'text' }, 'no JSON Schema'],
    ['a reference that leads nowhere', { $ref: '#/$defs/none' }, "can't resolve reference #/$defs/none"],
    ['an asynchronous schema', { $async: true }, "Remove '$async'"],
  ])('refuses %s', (_, schema, message) => {
    const make = () => fromJsonSchema(schema as JsonSchema);
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(message);
  });

  it('gives its schema in the other draft where it means the same there', () => {
    const { jsonSchema } = fromJsonSchema({
      type: 'object',
      properties: { prefixItems: { type: 'string' } },
    })['~standard'];
    expect(jsonSchema.output({ target: 'draft-07' })).toEqual({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { prefixItems: { type: 'string' } },
    });
    const tuple = fromJsonSchema({ type: 'array', prefixItems: [{ type: 'string' }] })['~standard']
      .jsonSchema;
    expect(tuple.input({ target: 'draft-2020-12' })).toHaveProperty('prefixItems');
    expect(() => tuple.input({ target: 'draft-07' })).toThrow(
      "'prefixItems' of draft-2020-12 has no counterpart",
    );
    expect(() => tuple.input({ target: 'openapi-3.0' })).toThrow('openapi-3.0');
  });
});

class Line {
  @IsString() sku!: string;
  @IsInt() quantity!: number;
}

class Order {
  @IsEmail() email!: string;
  @IsOptional() @Transform(({ value }) => String(value).trim()) @IsString() note?: string;
  @ArrayNotEmpty() @ValidateNested({ each: true }) @Type(() => Line) lines!: Line[];

  total(): number {
    return this.lines.reduce((sum, { quantity }) => sum + quantity, 0);
  }
}

describe('fromClass', () => {
  const Placed = defineEvent('order.placed', { schema: fromClass(Order) });
  const good = { email: 'ada@example.org', note: ' hi ', lines: [{ sku: 'a', quantity: 2 }] };

  it('gives handlers an instance, without fields that nobody validates, also from a broker', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const seen: unknown[] = [];
    bus.on(
      Placed,
      ({ data }) => void seen.push(data instanceof Order, data.total(), JSON.parse(JSON.stringify(data))),
    );
    const data = { ...good, password: 'secret' };
    await bus.emitSync(Placed, data);
    await backend.dispatch!(JSON.parse(JSON.stringify(createEvent('order.placed', data))) as Event);
    const order = { ...good, note: 'hi' };
    expect(seen).toEqual([true, 2, order, true, 2, order]);
    expect(data).toEqual({ ...good, password: 'secret' });
  });

  it('names every bad field with its place', async () => {
    const bus = await startBus();
    const bad = {
      email: 'nobody',
      lines: [
        { sku: 'a', quantity: 1 },
        { sku: 3, quantity: 1.5 },
      ],
    } as never;
    expect(await issuesOf(bus.emitAsync(Placed, bad))).toEqual({
      email: 'email must be an email',
      'lines.1.sku': 'sku must be a string',
      'lines.1.quantity': 'quantity must be an integer number',
    });
    for (const data of [null, 'text', [good]]) {
      expect(await issuesOf(bus.emitAsync(Placed, data as never))).toEqual({
        '': 'must be an object that makes a Order',
      });
    }
  });

  it('refuses fields without a validator where it is asked to', async () => {
    const bus = await startBus();
    const Strict = defineEvent('x', { schema: fromClass(Line, { forbidUnknown: true }) });
    const data = { sku: 'a', quantity: 1, more: 1 } as never;
    expect(Object.keys(await issuesOf(bus.emitSync(Strict, data)))).toEqual(['more']);
  });

  it('waits for validators that are asynchronous', async () => {
    class Named {
      name!: string;
    }
    const validator = { async: true, validate: async (name: unknown) => Promise.resolve(name !== 'taken') };
    registerDecorator({ target: Named, propertyName: 'name', options: { message: 'is taken' }, validator });
    const bus = await startBus();
    const Created = defineEvent('named', { schema: fromClass(Named) });
    await bus.emitSync(Created, { name: 'free' });
    expect(await issuesOf(bus.emitSync(Created, { name: 'taken' }))).toEqual({ name: 'is taken' });
  });

  it('refuses a class that validates nothing, for no data would be left', () => {
    class Plain {}
    expect(() => fromClass(Plain)).toThrow('fromClass() was given Plain, which has no validators');
    expect(() => fromClass('Plain' as never)).toThrow(EventConfigurationError);
  });
});

describe('JSON Schemas', () => {
  const object = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };

  it.each([
    ['zod', z.object({ a: z.string() })],
    ['arktype', type({ a: 'string' })],
    ['valibot, wrapped', toStandardJsonSchema(v.object({ a: v.string() }))],
    ['fromJsonSchema', fromJsonSchema(object)],
    ['fromClass with one', fromClass(Line, { jsonSchema: object })],
  ])('come from %s', (_, schema) => {
    expect(jsonSchemaOf(schema, 'input', 'draft-07')).toMatchObject({ schema: object });
  });

  it.each<[string, Parameters<typeof jsonSchemaOf>[0], string]>([
    ['a definition without a schema', undefined, 'it has no schema'],
    ['plain valibot', v.object({}), 'wrap it with toStandardJsonSchema() of @valibot/to-json-schema'],
    ['a class', fromClass(Line), 'its class-validator schema has no JSON Schema'],
    ['dates of zod', z.object({ at: z.date() }), 'Date cannot be represented in JSON Schema'],
  ])('are missing with a reason for %s', (_, schema, warning) => {
    expect(jsonSchemaOf(schema, 'output', 'draft-07')).toEqual({ warning: expect.stringContaining(warning) });
  });
});

describe('a package that is not installed', () => {
  it('is named with the command that installs it', () => {
    expect(() => loadPeer('no-such-package/dist/x.js', 'fromJsonSchema()')).toThrow(
      'fromJsonSchema() needs the package no-such-package. Install it: npm install no-such-package',
    );
  });
});
