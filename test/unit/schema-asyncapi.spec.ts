import { afterEach, describe, expect, it } from '@jest/globals';
import { Parser } from '@asyncapi/parser';
import {
  defineEvent,
  EventConfigurationError,
  fields,
  fromJsonSchema,
  SchemaRegistry,
} from 'nestjs-durable-events';
import { asyncApiDocument, type AsyncApiResult, type AsyncApiSource } from 'nestjs-durable-events/asyncapi';
import { z } from 'zod';
import { closeBuses, startBus } from './buses.js';

afterEach(closeBuses);

const info = { title: 'shop', version: '1.2.3' };

/** Reads a document with the parser of AsyncAPI's authors, which complains about what is not valid. */
async function read({ document }: AsyncApiResult) {
  const result = await new Parser().parse(JSON.stringify(document));
  const errors = result.diagnostics.filter(({ severity }) => [0].includes(severity));
  expect(errors.map(({ message, path }) => `${path.join('.')}: ${message}`)).toEqual([]);
  return result.document!;
}

const Category = z.object({
  name: z.string(),
  get children() {
    return z.array(Category);
  },
});
const Signup = defineEvent('after:signup', { schema: fields({ email: 'string', at: 'date' }) });
const OrderV1 = defineEvent('order.placed', { schema: z.object({ total: z.number() }) });
const Order = defineEvent('order.placed', {
  version: 2,
  schema: z.object({ total: z.number(), currency: z.string().default('EUR') }),
  upcast: { 1: (data: { total: number }) => data },
});
const Tree = defineEvent('catalog/changed', { schema: Category });
const Defs = defineEvent('catalog_changed', {
  schema: fromJsonSchema({
    $defs: { id: { type: 'string' } },
    type: 'object',
    properties: { id: { $ref: '#/$defs/id' } },
  }),
});

describe('asyncApiDocument', () => {
  it('describes a bus: its definitions, its handlers, and what it sends', async () => {
    const bus = await startBus({ schemas: [OrderV1, Order, Tree, Defs] });
    bus.on(Signup, () => undefined, { id: 'Mail.welcome' });
    bus.on(Signup, () => undefined, { id: 'Audit.log' });
    bus.on('order.*', () => undefined, { id: 'Audit.orders' });
    const result = asyncApiDocument(bus, {
      ...info,
      servers: { main: { host: 'localhost:4222', protocol: 'nats' } },
    });
    const document = await read(result);
    expect(result.warnings).toEqual([]);
    expect([document.version(), document.info().title(), document.info().version()]).toEqual([
      '3.0.0',
      'shop',
      '1.2.3',
    ]);
    const operations = document.operations().all();
    const found = operations.map((operation) => [
      operation.action(),
      operation.channels().all()[0]!.address(),
      operation.json<{ title?: string }>().title,
    ]);
    expect(found).toEqual(
      expect.arrayContaining([
        ['receive', 'after:signup', 'Mail.welcome'],
        ['receive', 'after:signup', 'Audit.log'],
        ['receive', 'order.placed', 'Audit.orders'],
        ['send', 'catalog/changed', undefined],
        ['send', 'catalog_changed', undefined],
      ]),
    );
    expect(found).toHaveLength(5);
  });

  it('has payloads as they are on the wire, and CloudEvents attributes as headers', async () => {
    const document = await read(asyncApiDocument([OrderV1, Order], info));
    const [message] = document.messages().all();
    expect([message!.name(), message!.extensions().get('x-event-version')?.value()]).toEqual([
      'order.placed',
      2,
    ]);
    expect(message!.payload()!.json()).toMatchObject({
      type: 'object',
      properties: { total: { type: 'number' }, currency: { type: 'string' } },
      required: ['total', 'currency'],
    });
    const headers = message!.headers()!.json<{ properties: object; required: string[] }>();
    expect(headers.properties).toMatchObject({
      specversion: { const: '1.0' },
      type: { const: 'order.placed' },
    });
    expect(headers.required).toEqual(['specversion', 'id', 'source', 'type', 'schemaversion']);
    expect(message!.correlationId()!.location()).toBe('$message.header#/correlationid');
  });

  it('keeps references within schemas, also of such that contain themselves', async () => {
    const { document } = asyncApiDocument([Tree, Defs], info);
    await read({ document, warnings: [] });
    expect(Object.keys(document.components.schemas)).toEqual(['catalog_changed', 'catalog_changed_2']);
    expect(document.components.schemas).toMatchObject({
      catalog_changed: {
        properties: { children: { items: { $ref: '#/components/schemas/catalog_changed' } } },
      },
      catalog_changed_2: { properties: { id: { $ref: '#/components/schemas/catalog_changed_2/$defs/id' } } },
    });
  });

  it('describes the version that is published', () => {
    const Later = defineEvent('order.placed', {
      ...Order,
      publishVersion: 1,
      downcast: { 2: (data: object) => data },
    } as never);
    const { document } = asyncApiDocument(new SchemaRegistry().register(OrderV1, Later), info);
    expect(document.components.messages['order.placed']!['x-event-version']).toBe(1);
    expect(document.components.schemas['order.placed']).toMatchObject({ required: ['total'] });
    expect(asyncApiDocument([Later], info).warnings[0]).toContain('version 1, which is published, is not');
  });

  it.each<[string, AsyncApiSource, string]>([
    ['no schema', [defineEvent('x')], "Event 'x' has no payload schema: it has no schema."],
    [
      'a schema that has no JSON Schema',
      [defineEvent('x', { schema: z.date() })],
      'Date cannot be represented',
    ],
    [
      'a published version that is not registered',
      [defineEvent('x', { version: 3, publishVersion: 2, downcast: { 3: () => 1 } })],
      'version 2, which is published, is not registered',
    ],
  ])('leaves the payload open and says why for %s', async (_, source, warning) => {
    const result = asyncApiDocument(source, info);
    await read(result);
    expect(result.warnings).toEqual([expect.stringContaining(warning)]);
  });

  it('warns of events that handlers name and nobody defines', async () => {
    const bus = await startBus();
    bus.on('plain', () => undefined, { id: 'h' });
    const result = asyncApiDocument(bus, info);
    await read(result);
    expect(result.warnings).toEqual(["Event 'plain' has no payload schema: nobody defines it."]);
  });

  it('is told what is sent, and refuses what it does not know', () => {
    const actions = (sends: readonly string[]) =>
      Object.keys(asyncApiDocument([Signup, Order], { ...info, sends }).document.operations);
    expect(actions(['after:signup'])).toEqual(['send.after_signup']);
    expect(() => actions(['other'])).toThrow("'other' is sent, but no event is called so");
    expect(() => asyncApiDocument([], { title: '', version: '1' })).toThrow(EventConfigurationError);
  });
});
