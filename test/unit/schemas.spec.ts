import { afterEach, describe, expect, it } from '@jest/globals';
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import {
  createEvent,
  defineEvent,
  type Event,
  eventDataAs,
  EventConfigurationError,
  EventValidationError,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

/** One schema in three libraries: an address that is trimmed, and an age. */
const schemas = {
  zod: z.object({ email: z.string().trim().includes('@'), age: z.number() }),
  valibot: v.object({ email: v.pipe(v.string(), v.trim(), v.includes('@')), age: v.number() }),
  arktype: type({ email: type('string.trim').to(/@/), age: 'number' }),
};

describe.each(Object.entries(schemas))('a %s schema', (_, schema) => {
  const Signup = defineEvent('after:signup', { schema });
  const good = { email: ' ada@example.org ', age: 36 };
  const trimmed = { email: 'ada@example.org', age: 36 };
  const bad = { email: 'nobody', age: 'old' } as unknown as typeof good;

  it.each(['emitSync', 'emitAsync', 'emit'] as const)('is applied by %s', async (emit) => {
    const bus = await startBus();
    const seen: unknown[] = [];
    bus.on(Signup, ({ data }) => void seen.push(data));
    await bus[emit](Signup, good);
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual([trimmed]);
  });

  it.each(['emitSync', 'emitAsync', 'emit'] as const)('refuses before %s does anything', async (emit) => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    let calls = 0;
    bus.on(Signup, () => void calls++);
    const error: unknown = await bus[emit](Signup, bad).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventValidationError);
    const { issues, eventType } = error as EventValidationError;
    expect(eventType).toBe('after:signup');
    expect(new Set(issues.map(({ path }) => path))).toEqual(new Set(['email', 'age']));
    expect([calls, backend.published.length]).toEqual([0, 0]);
  });

  it('applies to the plain name as well, once the definition is known', async () => {
    const bus = await startBus({ schemas: [Signup] });
    await expect(bus.emitSync('after:signup', bad)).rejects.toThrow(EventValidationError);
  });

  it('is applied to what a broker brings, and what does not fit is a dead letter at once', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const seen: unknown[] = [];
    bus.on(Signup, ({ data }) => void seen.push(data));
    await backend.dispatch!(JSON.parse(JSON.stringify(createEvent('after:signup', good))) as Event);
    await backend.dispatch!(JSON.parse(JSON.stringify(createEvent('after:signup', bad))) as Event);
    expect(seen).toEqual([trimmed]);
    const { entries } = await bus.deadLetters.list();
    expect(entries).toMatchObject([{ handlerId: '*', event: { data: bad } }]);
    expect(entries[0]!.attempts).toHaveLength(1);
  });

  it('works with eventDataAs, on objects and on JSON alike', () => {
    const event = createEvent('x', good);
    expect(eventDataAs(event, schema)).toEqual(trimmed);
    expect(eventDataAs(createEvent('x', JSON.parse(JSON.stringify(good))), schema)).toEqual(trimmed);
    expect(() => eventDataAs(createEvent('x', bad), schema)).toThrow(EventValidationError);
  });
});

describe('an asynchronous schema', () => {
  const schema = z
    .object({ name: z.string() })
    .refine(async ({ name }) => Promise.resolve(name !== 'taken'), 'is taken');
  const Named = defineEvent('named', { schema });

  it('is waited for on both sides', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const seen: unknown[] = [];
    bus.on(Named, ({ data }) => void seen.push(data));
    await bus.emitAsync(Named, { name: 'free' });
    await expect(bus.emitSync(Named, { name: 'taken' })).rejects.toThrow('is taken');
    await backend.dispatch!(createEvent('named', { name: 'taken' }));
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual([{ name: 'free' }]);
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('is refused by eventDataAs', () => {
    expect(() => eventDataAs(createEvent('x', { name: 'a' }), schema)).toThrow(EventConfigurationError);
  });
});

describe('versions', () => {
  const Order = defineEvent('order.placed', {
    version: 3,
    aliases: ['order.created'],
    schema: z.object({ total: z.object({ amount: z.number(), currency: z.string() }) }),
    upcast: {
      1: ({ price }: { price: number }) => ({ total: price }),
      2: ({ total }: { total: number }) => ({ total: { amount: total, currency: 'EUR' } }),
    },
  });

  async function receive(event: Event) {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const seen: Event[] = [];
    bus.on(Order, (received) => void seen.push(received));
    await backend.dispatch!(event);
    return { seen, letters: (await bus.deadLetters.list()).entries };
  }

  it.each([
    [1, { price: 5 }],
    [2, { total: 5 }],
    [3, { total: { amount: 5, currency: 'EUR' } }],
  ])('%d is made the present one', async (version, data) => {
    const { seen } = await receive(createEvent('order.placed', data, { version, id: 'i' }));
    expect(seen[0]).toMatchObject({ id: 'i', version: 3, data: { total: { amount: 5, currency: 'EUR' } } });
  });

  it('under a former name arrive under the present one', async () => {
    const { seen } = await receive(createEvent('order.created', { price: 5 }, { version: 1 }));
    expect(seen[0]).toMatchObject({ type: 'order.placed', version: 3 });
  });

  it('that are newer are dead letters, to be retried when the newer code is there', async () => {
    const { seen, letters } = await receive(createEvent('order.placed', {}, { version: 4 }));
    expect(seen).toEqual([]);
    expect(letters[0]!.attempts[0]!.error.message).toContain(
      'arrived in version 4, but this process knows versions up to 3',
    );
    expect(letters[0]!.event).toMatchObject({ version: 4 });
  });

  it('whose upcaster fails are dead letters with the original data', async () => {
    const { letters } = await receive(createEvent('order.placed', null, { version: 1 }));
    expect(letters[0]!.attempts[0]!.error.message).toContain(
      "The upcaster of event 'order.placed' from version 1 failed",
    );
    expect(letters[0]!.event.data).toBeNull();
  });

  it('are emitted under the present name, also by a former one', async () => {
    const bus = await startBus({ schemas: [Order] });
    const seen: Event[] = [];
    bus.on('order.placed', (event) => void seen.push(event));
    await bus.emitSync('order.created', { total: { amount: 1, currency: 'CHF' } });
    await bus.emitAsync('order.created', { total: { amount: 2, currency: 'CHF' } });
    await bus.idle({ timeoutMs: 1000 });
    expect(seen.map(({ type, version }) => `${type} ${version}`)).toEqual([
      'order.placed 3',
      'order.placed 3',
    ]);
  });
});

describe('defineEvent', () => {
  it.each<[string, () => unknown, string]>([
    ['a pattern', () => defineEvent('order.*'), 'is a pattern'],
    ['an empty alias', () => defineEvent('x', { aliases: [''] }), 'An event needs a name'],
    [
      'a version below 1',
      () => defineEvent('x', { version: 0 }),
      "Event 'x' has version 0; a version is a whole number from 1.",
    ],
    ['what is no schema', () => defineEvent('x', { schema: {} as never }), "it has no '~standard' property"],
    [
      'a gap in the upcasters',
      () => defineEvent('x', { version: 3, upcast: { 1: () => 1 } }),
      "'upcast' has no function for version 2",
    ],
  ])('refuses %s', (_, define, message) => {
    expect(define).toThrow(EventConfigurationError);
    expect(define).toThrow(message);
  });
});

describe('eventDataAs with a class', () => {
  class Person {
    constructor(readonly name: string) {
      if (name === undefined) throw new Error('the constructor ran');
    }
    greeting() {
      return `I am ${this.name}.`;
    }
  }

  it('gives the same answer for an object and for JSON', () => {
    const ada = new Person('Ada');
    expect(eventDataAs(createEvent('x', ada), Person)).toBe(ada);
    const revived = eventDataAs(createEvent('x', JSON.parse(JSON.stringify(ada))), Person);
    expect(revived).toBeInstanceOf(Person);
    expect(revived.greeting()).toBe('I am Ada.');
  });

  it('refuses what is neither class nor schema', () => {
    expect(() => eventDataAs(createEvent('x', 1), 'Person' as never)).toThrow(
      "eventDataAs() needs a Standard Schema or a class for event 'x', but got Person.",
    );
  });
});
