import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { EventConfigurationError, fields, type FieldsInput, type FieldsOutput } from 'nestjs-durable-events';
import { random } from './random.js';

const Signup = fields({
  email: 'string',
  age: { type: 'integer', required: false },
  plan: { type: 'string', enum: ['free', 'team'], default: 'free' },
  address: fields({ street: 'string', since: 'date', country: { type: 'string', default: 'DE' } }),
  tags: ['string'],
  lines: { type: [fields({ sku: 'string', price: 'number' })], required: false },
  agreed: 'boolean',
  extra: { type: 'unknown', required: false },
});

const good = {
  email: 'ada@example.org',
  address: { street: 'Main', since: '2026-01-02T03:04:05Z' },
  tags: ['a'],
  agreed: true,
};

function check(schema: { readonly '~standard': { validate(data: unknown): unknown } }, data: unknown) {
  return schema['~standard'].validate(data) as {
    value?: unknown;
    issues?: { message: string; path: PropertyKey[] }[];
  };
}

describe('fields', () => {
  it('gives the data, with defaults and dates, without what it does not name', () => {
    const result = check(Signup, { ...good, unknown: 1, lines: [{ sku: 'x', price: 1.5, more: 2 }] });
    expect(result).toEqual({
      value: {
        ...good,
        plan: 'free',
        address: { street: 'Main', since: new Date('2026-01-02T03:04:05Z'), country: 'DE' },
        lines: [{ sku: 'x', price: 1.5 }],
      },
    });
  });

  it('reads its own output, also as JSON', () => {
    const { value } = check(Signup, { ...good, extra: { any: [1] } });
    expect(check(Signup, value)).toEqual({ value });
    expect(check(Signup, JSON.parse(JSON.stringify(value)))).toEqual({ value });
  });

  it('names every bad field with its place, and shows no value', () => {
    const { issues } = check(Signup, {
      email: 5,
      age: 1.5,
      plan: 'secret',
      address: { since: 'yesterday' },
      tags: ['a', null, 'b', 7],
      lines: [{ sku: 'x', price: 1 }, { price: NaN }],
    });
    expect(issues!.map(({ path, message }) => `${path.map(String).join('.')} ${message}`)).toEqual([
      'email must be a string, but is another number',
      'age must be a whole number, but is another number',
      'plan must be one of "free", "team", but is another string',
      'address.street is required',
      'address.since must be a valid Date, or one as RFC 3339 text, but is another string',
      'tags.1 must be a string, but is null',
      'tags.3 must be a string, but is another number',
      'lines.1.sku is required',
      'lines.1.price must be a finite number, but is NaN',
      'agreed is required',
    ]);
  });

  it.each([[null], [undefined], ['text'], [[]], [7]])('refuses %j instead of an object', (data) => {
    expect(check(Signup, data).issues).toMatchObject([{ path: [] }]);
  });

  it('takes only own fields, and makes fields of every name', () => {
    const schema = fields({ ['__proto__']: 'string', toString: 'string' });
    expect(check(schema, {}).issues).toHaveLength(2);
    const data = JSON.parse('{"__proto__":"a","toString":"b"}') as unknown;
    expect(JSON.stringify(check(schema, data).value)).toBe('{"__proto__":"a","toString":"b"}');
  });

  it('gives each event a default of its own', () => {
    const schema = fields({ tags: { type: ['string'], default: ['new'] } });
    const [first, second] = [check(schema, {}).value, check(schema, {}).value] as { tags: string[] }[];
    first!.tags.push('changed');
    expect(second).toEqual({ tags: ['new'] });
  });

  it.each<[string, () => unknown, string]>([
    ['no object', () => fields([] as never), 'fields() takes an object'],
    [
      'an unknown type',
      () => fields({ age: 'int' as never }),
      "field 'age' has the type int. Use one of string,",
    ],
    [
      'a schema that fields() did not make',
      () => fields({ a: { '~standard': {} } as never }),
      "option '~standard'",
    ],
    [
      'an unknown option',
      () => fields({ a: { type: 'string', optional: true } as never }),
      "option 'optional'",
    ],
    [
      'a default that does not fit',
      () => fields({ a: { type: 'integer', default: 'x' } }),
      'must be a whole number',
    ],
    ['an enum of another type', () => fields({ a: { type: 'string', enum: [1] } }), "field 'a' has an enum"],
    ['an empty enum', () => fields({ a: { type: 'string', enum: [] } }), "field 'a' has an enum"],
    [
      'an enum of dates',
      () => fields({ a: { type: 'date', enum: ['2026-01-01T00:00:00Z'] } }),
      'has an enum',
    ],
    [
      'required that is no boolean',
      () => fields({ a: { type: 'string', required: 'no' as never } }),
      'required = no',
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(message);
  });

  it('types what may be left out', () => {
    type Out = FieldsOutput<{
      a: 'string';
      b: { type: 'integer'; required: false };
      c: { type: 'date'; default: Date };
    }>;
    type In = FieldsInput<{ a: 'string'; c: { type: 'date'; default: Date } }>;
    const out: Out = { a: 'x', c: new Date(0) };
    const into: In = { a: 'x' };
    expect([Object.keys(out), Object.keys(into)]).toEqual([['a', 'c'], ['a']]);
  });
});

describe('the JSON Schema of fields', () => {
  const schemas = {
    input: Signup['~standard'].jsonSchema.input({ target: 'draft-07' }),
    output: Signup['~standard'].jsonSchema.output({ target: 'draft-2020-12' }),
  };

  it('tells what may be left out on either side', () => {
    expect(schemas.input['required']).toEqual(['email', 'address', 'tags', 'agreed']);
    expect(schemas.output['required']).toEqual(['email', 'plan', 'address', 'tags', 'agreed']);
  });

  it('takes the same JSON as the fields do', () => {
    const ajv = new Ajv2020({ validateFormats: false });
    const [input, output] = [ajv.compile(schemas.input), ajv.compile(schemas.output)];
    const { pick, integer } = random(7);
    const values = [1, 1.5, 'a', 'free', true, null, [], ['b'], {}, good.address, [{ sku: 's', price: 1 }]];
    let accepted = 0;
    for (let i = 0; i < 3000; i++) {
      const data: Record<string, unknown> = { ...good };
      for (let n = integer(3); n > 0; n--) {
        const key = pick(['email', 'age', 'plan', 'address', 'tags', 'lines', 'agreed', 'extra']);
        if (integer(4) === 0) delete data[key];
        else data[key] = pick(values);
      }
      const result = check(Signup, data);
      expect([data, input(data)]).toEqual([data, result.issues === undefined]);
      if (result.issues !== undefined) continue;
      accepted++;
      expect(output(JSON.parse(JSON.stringify(result.value)))).toBe(true);
    }
    expect(accepted).toBeGreaterThan(100);
  });
});
