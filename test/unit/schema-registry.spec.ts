import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  defineEvent,
  type Event,
  EventConfigurationError,
  EventValidationError,
  fields,
  MemoryBackend,
  MemoryDeadLetterStore,
  SchemaRegistry,
  UnrecoverableError,
} from 'nestjs-durable-events';
import { z } from 'zod';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const V1 = defineEvent('user.renamed', { schema: fields({ name: 'string' }) });
const V2 = defineEvent('user.renamed', {
  version: 2,
  schema: fields({ first: 'string', last: 'string' }),
  upcast: {
    1: ({ name }: { name: string }) => {
      const [first = '', last = ''] = name.split(' ');
      return { first, last };
    },
  },
  downcast: { 2: ({ first, last }: { first: string; last: string }) => ({ name: `${first} ${last}` }) },
  aliases: ['user.name-changed'],
});
const V3 = defineEvent('user.renamed', {
  version: 3,
  schema: fields({ first: 'string', last: 'string', locale: 'string' }),
  upcast: { ...V2.upcast, 2: (data: { first: string; last: string }) => ({ ...data, locale: 'en' }) },
  downcast: {
    ...V2.downcast,
    3: ({ first, last }: { first: string; last: string; locale: string }) => ({ first, last }),
  },
  publishVersion: 2,
});
const ada = { first: 'Ada', last: 'Lovelace', locale: 'en' };

describe('SchemaRegistry', () => {
  const registry = new SchemaRegistry().register(V2, V1, V3);

  it('knows definitions by type, former name and version', () => {
    expect(registry.get('user.renamed')).toBe(V3);
    expect(registry.get('user.name-changed')).toBe(V3);
    expect(registry.get('user.renamed', 1)).toBe(V1);
    expect([registry.get('user.renamed', 4), registry.get('other')]).toEqual([undefined, undefined]);
    expect([registry.versions('user.renamed'), registry.versions('other'), registry.types()]).toEqual([
      [1, 2, 3],
      [],
      ['user.renamed'],
    ]);
    expect(registry.definitions()).toEqual([V1, V2, V3]);
  });

  it('checks data against any version', () => {
    expect(registry.validate('user.renamed', { ...ada, more: 1 })).toEqual(ada);
    expect(registry.validate('user.renamed', { name: 'Ada' }, 1)).toEqual({ name: 'Ada' });
    const check = () => registry.validate('user.renamed', { first: 1 }, 2);
    expect(check).toThrow(EventValidationError);
    expect(check).toThrow('first: must be a string, but is another number; last: is required');
    expect(() => registry.validate('other', {})).toThrow(EventConfigurationError);
  });

  it('brings events up to date one version at a time, and leaves others alone', async () => {
    const { current } = registry;
    const event = createEvent('user.name-changed', { name: 'Ada Lovelace' }, { id: 'i' });
    expect(await current(event)).toMatchObject({ id: 'i', type: 'user.renamed', version: 3, data: ada });
    const other = createEvent('other', 1, { version: 9 });
    expect(await current(other)).toBe(other);
    expect(() => current(createEvent('user.renamed', {}, { version: 4 }))).toThrow('knows versions up to 3');
    expect(() => current(createEvent('user.renamed', { name: 5 }))).toThrow(UnrecoverableError);
    expect(() => current(createEvent('user.renamed', { first: 'A' }, { version: 2 }))).toThrow(
      'last: is required',
    );
  });

  it('takes events down to what earlier consumers know', () => {
    const event = createEvent('user.renamed', ada, { version: 3, id: 'i', key: 'k' });
    expect(registry.downcast(event, 1)).toMatchObject({
      id: 'i',
      key: 'k',
      version: 1,
      data: { name: 'Ada Lovelace' },
    });
    expect(registry.downcast(event, 3)).toBe(event);
    expect(() => registry.downcast(event, 0)).toThrow(EventConfigurationError);
    expect(() => registry.downcast(createEvent('other', 1), 1)).toThrow("does not know 'other'");
    const short = defineEvent('x', { version: 3, downcast: { 3: () => 1 } });
    expect(() =>
      new SchemaRegistry().register(short).downcast(createEvent('x', 1, { version: 3 }), 1),
    ).toThrow("Event 'x' cannot go from version 3 down to 1: 'downcast' has no function for version 2.");
  });

  it.each<[string, () => unknown, string]>([
    [
      'what is no definition',
      () => new SchemaRegistry().register('x' as never),
      'takes what defineEvent() returns',
    ],
    [
      'one version twice',
      () => new SchemaRegistry().register(V1, defineEvent('user.renamed', {})),
      "Event 'user.renamed' is defined twice in version 1.",
    ],
    [
      'a former name that is a name',
      () => new SchemaRegistry().register(V2, defineEvent('user.name-changed')),
      "Event 'user.name-changed' is defined twice",
    ],
    [
      'a name that is a former name',
      () => new SchemaRegistry().register(defineEvent('user.name-changed'), V2),
      "Event 'user.name-changed' is defined twice",
    ],
  ])('refuses %s', (_, register, message) => {
    expect(register).toThrow(EventConfigurationError);
    expect(register).toThrow(message);
  });
});

describe('a chain of versions', () => {
  it.each<[string, () => unknown, string]>([
    [
      'an upcaster that leads beyond the version',
      () => defineEvent('x', { version: 1, upcast: { 1: () => 1 } }),
      "'upcast' has a function for version 1. Set version: 2",
    ],
    [
      'a hole in the downcasters',
      () => defineEvent('x', { version: 3, downcast: { 2: () => 1 } }),
      "'downcast' has no function for version 3",
    ],
    [
      'a version to publish that no downcaster reaches',
      () => defineEvent('x', { version: 3, publishVersion: 1, downcast: { 3: () => 1 } }),
      "is published in version 1, but 'downcast' has no function for version 2. Add 2: (data) => …",
    ],
    [
      'a downcaster of version 1',
      () => defineEvent('x', { version: 2, downcast: { 1: () => 1, 2: () => 1 } }),
      'versions 2 to 2',
    ],
    [
      'a version to publish above its own',
      () => defineEvent('x', { publishVersion: 2 }),
      'has publishVersion 2',
    ],
    [
      'a key that is no version',
      () => defineEvent('x', { version: 2, upcast: { 1: () => 1, v2: () => 1 } as never }),
      "'v2' in 'upcast'",
    ],
  ])('refuses %s where it is defined', (_, define, message) => {
    expect(define).toThrow(EventConfigurationError);
    expect(define).toThrow(message);
  });

  it('without upcasters has to read every older version that is registered, or the bus does not start', () => {
    const older = defineEvent('x', { schema: fields({ a: 'string' }) });
    const adds = (required: boolean) =>
      defineEvent('x', { version: 2, schema: fields({ a: 'string', b: { type: 'string', required } }) });
    expect(() => createEventBus({ schemas: [older, adds(true)] })).toThrow(
      "Event 'x' is at version 2 and has no upcasters, but data of version 1 does not fit it: 'b' is required, and earlier data does not have it. Add upcast: { 1: (data) => … } to the definition of version 2.",
    );
    expect(() => createEventBus({ schemas: [older, adds(false)] })).not.toThrow();
  });

  it('may not lose upcasters that an older definition had', () => {
    const forgetful = defineEvent('user.renamed', { version: 3 });
    expect(() => createEventBus({ schemas: new SchemaRegistry().register(V2, forgetful) })).toThrow(
      "Event 'user.renamed' is at version 3 and has no upcasters, but version 2 was made from version 1 by one.",
    );
  });

  it('has synchronous steps only', () => {
    const Late = defineEvent('x', {
      version: 2,
      upcast: { 1: async () => Promise.reject(new Error('lost')) },
    });
    const { current } = new SchemaRegistry().register(Late);
    expect(() => current(createEvent('x', 1))).toThrow('returned a promise. It has to be synchronous.');
  });
});

describe('the option schemas', () => {
  it.each([
    ['a registry', new SchemaRegistry().register(V1, V2)],
    ['definitions', [V1, V2]],
    ['an object with a registry', { registry: new SchemaRegistry().register(V2) }],
    ['an object with definitions', { definitions: [V2] }],
    ['an object with both', { registry: new SchemaRegistry().register(V1), definitions: [V2] }],
  ])('takes %s, and applies the newest', async (_, schemas) => {
    const bus = await startBus({ schemas });
    const seen: unknown[] = [];
    bus.on('user.renamed', ({ data, version }) => void seen.push([version, data]));
    const { locale: _locale, ...data } = ada;
    await bus.emitSync('user.renamed', data);
    expect(seen).toEqual([[2, data]]);
    await expect(bus.emitSync('user.renamed', { name: 'Ada' })).rejects.toThrow(EventValidationError);
  });

  it.each<[unknown, string]>([
    [V1, 'schemas = [object Object], but it must be a list of definitions, a SchemaRegistry'],
    ['x', 'schemas = x'],
    [
      { unknowntype: 'warn' },
      "'schemas.unknowntype', which it does not know. It knows registry, definitions,",
    ],
    [{ unknownType: 'drop' }, 'schemas.unknownType = drop, but it must be one of ignore, warn, dead-letter'],
    [{ unknownVersion: 'ignore' }, 'schemas.unknownVersion = ignore'],
    [{ validate: true }, 'schemas.validate = true'],
    [{ registry: [V1] }, 'schemas.registry'],
    [{ definitions: V1 }, 'schemas.definitions'],
  ])('refuses %j', (schemas, message) => {
    expect(() => createEventBus({ schemas: schemas as never })).toThrow(message);
  });

  it('of a bus does not change the registry it was given', async () => {
    const registry = new SchemaRegistry().register(V1);
    await startBus({ schemas: { registry, definitions: [V2] } });
    expect(registry.versions('user.renamed')).toEqual([1]);
  });
});

describe('an unknown type', () => {
  async function receive(unknownType: 'ignore' | 'warn' | 'dead-letter') {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, schemas: { definitions: [V1], unknownType } });
    const seen: string[] = [];
    bus.on('**', ({ type }) => void seen.push(type), { id: 'all' });
    for (const type of ['user.renamed', 'strange', 'strange'])
      await backend.dispatch!(createEvent(type, { name: 'a' }));
    return { bus, seen, letters: (await bus.deadLetters.list()).entries };
  }

  it.each(['ignore', 'warn'] as const)('reaches its handlers with %s', async (unknownType) => {
    const { seen, letters } = await receive(unknownType);
    expect([seen, letters]).toEqual([['user.renamed', 'strange', 'strange'], []]);
  });

  it('is kept with dead-letter, and handled by a retry once it is known', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const { seen, letters } = await receive('dead-letter');
    expect(seen).toEqual(['user.renamed']);
    expect(letters).toHaveLength(2);
    expect(letters[0]).toMatchObject({ handlerId: '*', event: { type: 'strange' } });
    expect(letters[0]!.attempts[0]!.error.message).toContain("Add its definition to 'schemas'");
    await deadLetters.add(letters);
    const bus = await startBus({
      deadLetters,
      schemas: { definitions: [defineEvent('strange')], unknownType: 'dead-letter' },
    });
    const later: string[] = [];
    bus.on('strange', ({ type }) => void later.push(type));
    await bus.deadLetters.retry({});
    await bus.idle({ timeoutMs: 5000 });
    expect(later).toEqual(['strange', 'strange']);
    expect(await bus.deadLetters.size()).toBe(0);
  });
});

describe('an unknown version', () => {
  const Known = defineEvent('x', { version: 2, schema: z.object({ a: z.string() }) });
  async function receive(unknownVersion: 'dead-letter' | 'accept', data: object) {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, schemas: { definitions: [Known], unknownVersion } });
    const seen: unknown[] = [];
    bus.on('x', ({ data, version }) => void seen.push([version, data]), { id: 'h' });
    await backend.dispatch!(createEvent('x', data, { version: 5 }));
    return { seen, letters: (await bus.deadLetters.list()).entries };
  }

  it('is kept in its own form by default', async () => {
    const { seen, letters } = await receive('dead-letter', { a: 'a', b: 1 });
    expect([seen, letters[0]!.event.version, letters[0]!.event.data]).toEqual([[], 5, { a: 'a', b: 1 }]);
  });

  it('is taken for the known one with accept, if it fits', async () => {
    expect(await receive('accept', { a: 'a', b: 1 })).toEqual({ seen: [[2, { a: 'a' }]], letters: [] });
    const { seen, letters } = await receive('accept', { a: 1 });
    expect([seen, letters[0]!.event.version]).toEqual([[], 5]);
  });
});

describe('validate', () => {
  const Checked = defineEvent('x', {
    version: 2,
    schema: fields({ a: 'string' }),
    upcast: { 1: (data: { a: string }) => ({ ...data, up: true }) },
  });
  const bad = { a: 1 } as never;

  it.each([
    ['both', true, true],
    ['publish', true, false],
    ['consume', false, true],
    ['off', false, false],
  ] as const)('%s checks what is emitted: %j, and what arrives: %j', async (validate, onEmit, onArrival) => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, schemas: { definitions: [Checked], validate } });
    const seen: unknown[] = [];
    bus.on(Checked, ({ data }) => void seen.push(data), { id: 'h' });
    const refused: unknown = await bus.emitSync(Checked, bad).catch((error: unknown) => error);
    expect([refused instanceof EventValidationError, seen]).toEqual([onEmit, onEmit ? [] : [bad]]);
    seen.length = 0;
    await backend.dispatch!(createEvent('x', { a: 1 }, { version: 1 }));
    expect([await bus.deadLetters.size(), seen]).toEqual(onArrival ? [1, []] : [0, [{ a: 1, up: true }]]);
  });

  it('consume checks events that never left the process, too', async () => {
    const bus = await startBus({ schemas: { definitions: [Checked], validate: 'consume' } });
    const seen: unknown[] = [];
    bus.on(Checked, ({ data }) => void seen.push(data), { id: 'h' });
    await bus.emitAsync(Checked, bad);
    await bus.idle({ timeoutMs: 5000 });
    expect([await bus.deadLetters.size(), seen]).toEqual([1, []]);
  });
});

describe('publishVersion', () => {
  /** A wire between two services: what one publishes, the other receives as JSON. */
  async function services() {
    const backend = new PlainBackend();
    const [newer, older] = [await startBus({ backend, schemas: [V3], source: 'newer' }), new PlainBackend()];
    const old = await startBus({ backend: older, schemas: [V2], source: 'older' });
    const seen = { newer: [] as unknown[], older: [] as unknown[] };
    newer.on(V3, ({ data, version }) => void seen.newer.push([version, data]), { async: true });
    newer.on(V3, ({ data, version }) => void seen.newer.push([`inline ${version}`, data]));
    old.on(V2, ({ data, version }) => void seen.older.push([version, data]));
    const pass = async () => {
      for (const event of backend.published)
        await older.dispatch!(JSON.parse(JSON.stringify(event)) as Event);
    };
    return { newer, old, seen, pass, backend };
  }
  const { locale: _, ...old } = ada;

  it.each(['emitAsync', 'emitBatch'] as const)(
    '%s sends what old consumers read, and handlers here get the present form',
    async (emit) => {
      const { newer, old: bus, seen, pass, backend } = await services();
      if (emit === 'emitAsync') await newer.emitAsync(V3, ada, { id: 'i' });
      else await newer.emitBatch([{ type: V3, data: ada, options: { id: 'i' } }]);
      await pass();
      await Promise.all([newer, bus].map(async (each) => each.idle({ timeoutMs: 5000 })));
      expect(backend.published).toMatchObject([{ id: 'i', version: 2, data: old }]);
      expect(seen.older).toEqual([[2, old]]);
      expect(seen.newer).toEqual(
        expect.arrayContaining([
          [3, ada],
          ['inline 3', ada],
        ]),
      );
      expect(await bus.deadLetters.size()).toBe(0);
    },
  );

  it('emit gives inline handlers the data as it was emitted', async () => {
    const { newer, seen, backend } = await services();
    const swiss = { ...ada, locale: 'de-CH' };
    await newer.emit(V3, swiss);
    await newer.idle({ timeoutMs: 5000 });
    expect(seen.newer[0]).toEqual(['inline 3', swiss]);
    expect(backend.published).toMatchObject([{ version: 2, data: old }]);
  });

  it('emitSync changes nothing', async () => {
    const { newer, seen } = await services();
    await newer.emitSync(V3, ada);
    expect(seen.newer).toEqual(expect.arrayContaining([[3, ada]]));
  });

  it('holds for a plain name without a schema, too', async () => {
    const backend = new PlainBackend();
    const Plain = defineEvent('x', { version: 2, publishVersion: 1, downcast: { 2: (n: number) => n - 1 } });
    const bus = await startBus({ backend, schemas: [Plain] });
    await bus.emitAsync('x', 5);
    expect(backend.published).toMatchObject([{ version: 1, data: 4 }]);
  });

  it('publishes nothing when a downcaster fails', async () => {
    const backend = new PlainBackend();
    const fail = () => {
      throw new Error('no way down');
    };
    const Broken = defineEvent('x', { version: 2, publishVersion: 1, downcast: { 2: fail } });
    const bus = await startBus({ backend, schemas: [Broken] });
    let calls = 0;
    bus.on('x', () => void calls++);
    for (const emit of ['emit', 'emitAsync'] as const) {
      await expect(bus[emit]('x', 1)).rejects.toThrow(
        "The downcaster of event 'x' from version 2 failed: no way down",
      );
    }
    expect([calls, backend.published]).toEqual([0, []]);
  });
});

describe('a dead letter of an old version', () => {
  it('is upcast when it is retried after an upgrade', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const before = await startBus({ backend: new MemoryBackend(), deadLetters, schemas: [V1], retry: false });
    before.on(
      V1,
      () => {
        throw new Error('not yet');
      },
      { id: 'h' },
    );
    await before.emitAsync(V1, { name: 'Ada Lovelace' });
    await before.idle({ timeoutMs: 5000 });
    await before.close();
    const after = await startBus({ backend: new MemoryBackend(), deadLetters, schemas: [V3] });
    const seen: unknown[] = [];
    after.on(V3, ({ data, version }) => void seen.push([version, data]), { id: 'h' });
    expect(await after.deadLetters.retry({})).toMatchObject({ count: 1 });
    await after.idle({ timeoutMs: 5000 });
    expect([seen, await after.deadLetters.size()]).toEqual([[[3, ada]], 0]);
  });

  it('is edited in the present version', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const before = await startBus({ deadLetters, schemas: [V1], retry: false });
    before.on(
      V1,
      () => {
        throw new Error('not yet');
      },
      { id: 'h' },
    );
    await before.emitAsync(V1, { name: 'Ada' });
    await before.idle({ timeoutMs: 5000 });
    const after = await startBus({ deadLetters, schemas: [V3] });
    const seen: unknown[] = [];
    after.on(V3, ({ data, version }) => void seen.push([version, data]), { id: 'h' });
    const [entry] = (await after.deadLetters.list()).entries;
    await expect(after.deadLetters.editAndRetry(entry!.id, { name: 'Ada' })).rejects.toThrow(
      EventValidationError,
    );
    await after.deadLetters.editAndRetry(entry!.id, ada);
    await after.idle({ timeoutMs: 5000 });
    expect(seen).toEqual([[3, ada]]);
  });
});
