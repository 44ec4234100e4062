import { describe, expect, it } from '@jest/globals';
import { createEventBus, defineEvent } from 'nestjs-durable-events';
import type { HandlerEntry } from '../../lib/handlers/handler.js';
import { HandlerRegistry } from '../../lib/handlers/handler-registry.js';

let order = 0;

function entry(id: string, pattern: string, more: Partial<HandlerEntry> = {}): HandlerEntry {
  return {
    id,
    pattern,
    owner: { id },
    label: id,
    priority: 0,
    order: order++,
    async: false,
    broadcast: false,
    ...more,
  } as HandlerEntry;
}

function registryOf(...entries: HandlerEntry[]): HandlerRegistry {
  const registry = new HandlerRegistry(100);
  entries.forEach((each) => registry.add(each));
  return registry;
}

const ids = ({ handlers }: { handlers: readonly HandlerEntry[] }) => handlers.map(({ id }) => id);

describe('the registry', () => {
  it('puts higher priorities first and keeps ties in order of registration, across patterns', () => {
    const registry = registryOf(
      entry('low', 'a.b', { priority: -1 }),
      entry('first', 'a.*'),
      entry('second', 'a.b'),
      entry('third', '**'),
      entry('high', '*', { priority: 5 }),
    );
    expect(ids(registry.plan('a.b').all)).toEqual(['high', 'first', 'second', 'third', 'low']);
    expect(ids(registry.plan('other').all)).toEqual(['high', 'third']);
  });

  it('parts what emit runs from what it leaves to the backend, and services from processes', () => {
    const registry = registryOf(
      entry('plain', 'a'),
      entry('async', 'a', { async: true }),
      entry('everywhere', 'a', { async: true, broadcast: true }),
    );
    const { all, inline, deferred } = registry.plan('a');
    expect(ids(all)).toEqual(['plain', 'async', 'everywhere']);
    expect(ids(inline)).toEqual(['plain']);
    expect(ids(deferred)).toEqual(['async', 'everywhere']);
    expect([ids(all.group), ids(all.broadcast)]).toEqual([['plain', 'async'], ['everywhere']]);
    expect([ids(deferred.group), ids(deferred.broadcast)]).toEqual([['async'], ['everywhere']]);
  });

  it('notices what is added and removed after a plan was made', () => {
    const registry = registryOf(entry('one', 'a'));
    const [two, star] = [entry('two', 'a'), entry('star', '*')];
    expect(ids(registry.plan('a').all)).toEqual(['one']);
    registry.add(two);
    registry.add(star);
    expect(ids(registry.plan('a').all)).toEqual(['one', 'two', 'star']);
    registry.remove(two);
    registry.remove(star);
    registry.remove(star);
    expect(ids(registry.plan('a').all)).toEqual(['one']);
    expect(registry.patterns()).toEqual(['a']);
  });

  it('names the former names of an event that it has a handler for, and of no other', () => {
    const registry = registryOf(entry('one', 'order.placed'), entry('two', 'invoice.*'));
    registry.define(defineEvent('order.placed', { version: 1, aliases: ['order-created'] }));
    registry.define(defineEvent('invoice.sent', { version: 1, aliases: ['invoice-mailed'] }));
    registry.define(defineEvent('stock.taken', { version: 1, aliases: ['stock-used'] }));
    expect(registry.patterns().sort()).toEqual([
      'invoice-mailed',
      'invoice.*',
      'invoice.sent',
      'order-created',
      'order.placed',
    ]);
  });

  it('keeps plans of ever new names within a bound', () => {
    const registry = registryOf(entry('star', '*'));
    for (let i = 0; i < 25_000; i++) registry.plan(`made.up.${i}`);
    expect(ids(registry.plan('made.up.1').all)).toEqual(['star']);
  });

  it('refuses one id for two handlers, not for two patterns of one', () => {
    const owner = {};
    const registry = registryOf(entry('same', 'a', { owner }), entry('same', 'b', { owner }));
    expect(() => registry.add(entry('same', 'c', { owner: {}, label: 'Other.handler' }))).toThrow(
      "Handlers same and Other.handler both have the id 'same'.",
    );
    expect(ids(registry.plan('c').all)).toEqual([]);
  });

  it('delivers former names of a definition to its handlers, and patterns that match either', () => {
    const registry = registryOf(
      entry('new', 'order.placed'),
      entry('old', 'legacy.*'),
      entry('any', 'order.*'),
    );
    const definition = defineEvent('order.placed', { aliases: ['legacy.order'] });
    registry.define(definition);
    registry.define(definition);
    expect(ids(registry.plan('legacy.order').all)).toEqual(['new', 'old', 'any']);
    expect(registry.plan('legacy.order').definition).toBe(definition);
  });

  it('refuses two definitions of one name', () => {
    const registry = registryOf();
    registry.define(defineEvent('a', { aliases: ['b'] }));
    expect(() => registry.define(defineEvent('b', { version: 2 }))).toThrow(
      "Event 'b' is defined twice (version 1 of 'a' and version 2 of 'b').",
    );
  });
});

describe('maxHandlersPerEvent', () => {
  it('is a guard against leaks of on()', () => {
    const bus = createEventBus({ maxHandlersPerEvent: 2 });
    bus.on('x', () => undefined);
    const off = bus.on('x', () => undefined);
    expect(() => bus.on('x', () => undefined)).toThrow(
      "Event 'x' has more than 2 handlers, which is most often a leak of on() without off(). If it is meant, raise 'maxHandlersPerEvent'.",
    );
    off();
    bus.on('x', () => undefined);
  });

  it('counts patterns, too', async () => {
    const bus = createEventBus({ maxHandlersPerEvent: 1 });
    bus.on('a.*', () => undefined);
    bus.on('*', () => undefined);
    await bus.emitSync('b');
    await expect(bus.emitSync('a.b')).rejects.toMatchObject({ code: 'EVENT_CONFIGURATION' });
  });
});
