import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PGlite } from '@electric-sql/pglite';
import {
  createEvent,
  defineEvent,
  EventConfigurationError,
  fields,
  fromJsonSchema,
  type JsonSchema,
  type Migration,
  type MigrationOptions,
  SchemaRegistry,
} from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import ts from 'typescript';
import { z } from 'zod';
import { random } from './random.js';

// The compiler and PostgreSQL in WebAssembly take seconds to start, and more on a busy machine.
jest.setTimeout(180_000);

type Schema = NonNullable<Parameters<typeof defineEvent>[1]>['schema'];
type Upcast = Record<number, (data: unknown) => unknown>;

function registryOf(...schemas: unknown[]): SchemaRegistry {
  const upcast = (version: number) =>
    Object.fromEntries(Array.from({ length: version - 1 }, (_, i) => [i + 1, (data: unknown) => data]));
  return new SchemaRegistry().register(
    ...schemas.map((schema, i) =>
      defineEvent('order.placed', { version: i + 1, schema: schema as Schema, upcast: upcast(i + 1) }),
    ),
  );
}

function migrate(from: unknown, to: unknown, options?: MigrationOptions): Migration {
  return registryOf(from, to).generateMigration('order.placed', 1, 2, options);
}

/** Modules that migrations are, to be compiled together: that takes seconds. */
const sources: string[] = [];

/** What the compiler says to them in an application that is strict. */
function compileErrors(): string[] {
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    const source = sources[Number(/^migration-(\d+)\.ts$/.exec(name)?.[1] ?? NaN)];
    return source === undefined
      ? read(name, ...rest)
      : ts.createSourceFile(name, source, ts.ScriptTarget.ES2022);
  };
  const names = sources.map((_, i) => `migration-${i}.ts`);
  return ts
    .getPreEmitDiagnostics(ts.createProgram(names, options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** Runs the module that a migration is. */
function upcastOf({ upcaster }: Migration): Upcast {
  const module = ts.transpile(upcaster, { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 });
  const exports: { upcast?: Upcast } = {};
  // oxlint-disable-next-line typescript/no-implied-eval, no-new-func -- what was generated has to run
  new Function('exports', module)(exports);
  return exports.upcast!;
}

const V1 = fields({
  orderId: 'string',
  name: 'string',
  total: 'integer',
  unit: { type: 'string', required: false },
  address: { type: fields({ street: 'string', zip: 'string' }), required: false },
  lines: [fields({ sku: 'string', note: { type: 'string', required: false } })],
});
const V2 = fields({
  orderId: 'string',
  total: 'number',
  unit: { type: 'string', enum: ['kg'], default: 'kg' },
  currency: { type: 'string', default: "E'U\\R" },
  address: { type: fields({ street: 'string', country: { type: 'string', enum: ['DE'] } }), required: false },
  lines: [fields({ sku: 'string', count: { type: 'integer', enum: [1] } })],
});

describe('what follows from the schemas', () => {
  const migration = migrate(
    V1,
    fromJsonSchema(V2['~standard'].jsonSchema.output({ target: 'draft-2020-12' })),
  );

  it('is listed', () => {
    expect(
      migration.changes.map(({ kind, path, breaking }) => `${breaking ? '!' : ''}${kind} ${path}`),
    ).toEqual(
      expect.arrayContaining([
        '!field-removed name',
        'type-widened total',
        '!field-required unit',
        '!field-added currency',
        '!field-added address.country',
        '!field-added lines[].count',
      ]),
    );
  });

  it('is one upcaster, with what is open marked', () => {
    const { unresolved } = migration;
    expect(unresolved.map(({ version, path }) => [version, path])).toEqual([[1, 'unit']]);
    sources.push(migration.upcaster);
  });
});

describe('an upcaster', () => {
  it('drops, fills, goes into objects and lists, and leaves the rest alone', () => {
    const from = fields({
      name: 'string',
      data: 'string',
      unit: { type: 'string', required: false },
      address: { type: fields({ zip: 'string' }), required: false },
      lines: [fields({ sku: 'string', 'old-note': 'string' })],
    });
    const to = z.object({
      name: z.string(),
      unit: z.string(),
      currency: z.literal("E'U\\R"),
      address: z.object({ zip: z.string(), country: z.literal('DE') }).optional(),
      lines: z.array(z.object({ sku: z.string(), count: z.literal(1) })),
    });
    const jsonTo = to.toJSONSchema() as JsonSchema;
    (jsonTo['properties'] as Record<string, object>)['unit'] = { type: 'string', default: 'kg' };
    const migration = migrate(from, fromJsonSchema(jsonTo));
    expect(migration.unresolved).toEqual([]);
    sources.push(migration.upcaster);
    const upcast = upcastOf(migration)[1]!;
    expect(upcast({ name: 'a', data: 'd', lines: [] })).toEqual({
      name: 'a',
      unit: 'kg',
      currency: "E'U\\R",
      lines: [],
    });
    expect(
      upcast({
        name: 'a',
        data: 'd',
        unit: 'g',
        address: { zip: '1' },
        lines: [{ sku: 's', 'old-note': 'x' }],
      }),
    ).toEqual({
      name: 'a',
      unit: 'g',
      currency: "E'U\\R",
      address: { zip: '1', country: 'DE' },
      lines: [{ sku: 's', count: 1 }],
    });
    expect(migration.sql).toBeUndefined();
  });

  it('is marked where a person has to decide, and throws there', () => {
    const migration = migrate(
      fields({ name: 'string', total: 'string', tags: ['string'] }),
      fields({ first: 'string', total: 'number', tags: ['integer'], at: 'date' }),
    );
    expect(migration.unresolved).toEqual([
      {
        version: 1,
        path: 'first',
        reason: "string is required, and earlier data has nothing of it; it may be what 'name' was",
      },
      { version: 1, path: 'total', reason: 'was string and is number' },
      { version: 1, path: 'tags', reason: 'was string and is integer' },
      {
        version: 1,
        path: 'at',
        reason: "string is required, and earlier data has nothing of it; it may be what 'name' was",
      },
    ]);
    expect(migration.sql).toBeUndefined();
    expect(migration.upcaster).toContain("total: todo('total: was string and is number')");
    sources.push(migration.upcaster);
    expect(() => upcastOf(migration)[1]!({ name: 'a', total: '1', tags: [] })).toThrow(
      'Not migrated yet: first',
    );
  });

  it('throws for what no field stands for, too', () => {
    const migration = migrate(z.array(z.string()), z.array(z.number()));
    expect(migration.unresolved).toEqual([{ version: 1, path: '[]', reason: 'was string and is number' }]);
    expect(() => upcastOf(migration)[1]!(['a'])).toThrow('Not migrated yet: []: was string and is number');
  });

  it('takes one step for each version', () => {
    const registry = registryOf(fields({ a: 'string' }), fields({}), z.object({ b: z.literal(1) }));
    const migration = registry.generateMigration('order.placed', 1, 3, { table: 'app.events' });
    const upcast = upcastOf(migration);
    expect(Object.keys(upcast)).toEqual(['1', '2']);
    expect(upcast[2]!(upcast[1]!({ a: 'x' }))).toEqual({ b: 1 });
    expect(migration.sql).toHaveLength(2);
  });

  it.each<[string, unknown, unknown, [number, number], string]>([
    ['versions in the wrong order', fields({}), fields({}), [2, 1], 'versions 2 to 1'],
    ['a version that is not registered', fields({}), fields({}), [1, 3], "version 3 of 'order.placed'"],
    [
      'a schema without JSON Schema',
      z.object({ at: z.date() }),
      fields({}),
      [1, 2],
      'Date cannot be represented',
    ],
  ])('refuses %s', (_, from, to, [first, last], message) => {
    const generate = () => registryOf(from, to).generateMigration('order.placed', first, last);
    expect(generate).toThrow(EventConfigurationError);
    expect(generate).toThrow(message);
  });
});

describe('the upcasters', () => {
  it('compile', () => {
    expect(sources.length).toBeGreaterThan(2);
    expect(compileErrors()).toEqual([]);
  });
});

describe('SQL', () => {
  let db: PGlite;
  beforeAll(async () => {
    db = await PGlite.create();
    await db.exec('CREATE TABLE "my-events" (id serial, name text, v int, body jsonb)');
  });
  afterAll(async () => db.close());

  async function runOn(rows: readonly unknown[], sql: readonly string[]): Promise<unknown[]> {
    await db.exec('TRUNCATE "my-events" RESTART IDENTITY');
    for (const row of rows) {
      await db.query('INSERT INTO "my-events" (name, v, body) VALUES ($1, 1, $2)', [
        'order.placed',
        JSON.stringify(row),
      ]);
    }
    for (const statement of [...sql, ...sql]) await db.exec(statement);
    const { rows: stored } = await db.query<{ v: number; body: unknown }>(
      'SELECT v, body FROM "my-events" ORDER BY id',
    );
    expect(new Set(stored.map(({ v }) => v))).toEqual(new Set([2]));
    return stored.map(({ body }) => body);
  }

  it('fits the table of PostgresEventStore', async () => {
    const store = new PostgresEventStore({ connection: db });
    await store.open();
    await store.append(createEvent('order.placed', { a: 'x', b: 'y' }));
    const { sql = [] } = registryOf(
      fields({ a: 'string', b: 'string' }),
      fields({ a: 'string' }),
    ).generateMigration('order.placed', 1, 2);
    for (const statement of sql) await db.exec(statement);
    const [stored] = await store.query().toArray();
    expect(stored).toMatchObject({ version: 2, data: { a: 'x' } });
    await store.close();
  });

  const options = { table: 'my-events', columns: { type: 'name', version: 'v', data: 'body' } };

  it('does to rows what the upcaster does to data, for many schemas', async () => {
    const { pick, integer } = random(3);
    const scalar = (): JsonSchema =>
      pick<JsonSchema>([{ type: 'string' }, { type: 'integer' }, { const: "it's \\ {1}" }]);
    const names = ['a', "b'b", 'c-c', 'data', 'e\\e'];
    const object = (depth: number): JsonSchema => {
      const properties: Record<string, JsonSchema> = {};
      const required: string[] = [];
      for (const name of names) {
        if (integer(3) === 0) continue;
        const nested = depth > 0 && name === 'c-c';
        properties[name] = nested
          ? object(depth - 1)
          : { ...scalar(), ...(integer(2) === 0 && { default: 'standard' }) };
        if (integer(2) === 0) required.push(name);
      }
      return { type: 'object', properties, required };
    };
    const dataOf = ({ type, properties, required, const: only }: JsonSchema): unknown => {
      if (only !== undefined) return only;
      if (type !== 'object') return type === 'string' ? pick(['x', '']) : integer(5);
      const given = Object.entries(properties as Record<string, JsonSchema>);
      const chosen = given.filter(([name]) => (required as string[]).includes(name) || integer(2) === 0);
      return Object.fromEntries(chosen.map(([name, schema]) => [name, dataOf(schema)]));
    };
    let compared = 0;
    for (let i = 0; i < 300 && compared < 25; i++) {
      const [from, to] = [object(1), object(1)];
      const migration = migrate(fromJsonSchema(from), fromJsonSchema(to), options);
      if (migration.sql === undefined) continue;
      compared++;
      const rows = [dataOf(from), dataOf(from), dataOf(from)];
      const upcast = upcastOf(migration)[1]!;
      expect([from, to, await runOn(rows, migration.sql)]).toEqual([from, to, rows.map(upcast)]);
      const { validate } = fromJsonSchema(to)['~standard'];
      for (const row of rows)
        expect([from, to, validate(upcast(row))]).toEqual([from, to, { value: upcast(row) }]);
    }
    expect(compared).toBeGreaterThan(10);
  });

  it('is for PostgreSQL only', () => {
    expect(() => migrate(fields({}), fields({}), { dialect: 'mysql' as never })).toThrow(
      "for 'postgres' only",
    );
  });
});
