import { describe, expect, it } from '@jest/globals';
import { defineEvent, EventConfigurationError, ON_EVENT_METADATA, OnEvent } from 'nestjs-durable-events';
import { readOnEvent } from '../../lib/handlers/on-event.decorator.js';

describe('@OnEvent', () => {
  it('keeps its uses on the method, top to bottom', () => {
    const definition = defineEvent('three');
    class Host {
      @OnEvent('one', { priority: 1 })
      @OnEvent(['two', definition], { retry: false })
      handle() {}
    }
    expect(readOnEvent(Host.prototype.handle)).toEqual([
      { keys: ['one'], options: { priority: 1 } },
      { keys: ['two', definition], options: { retry: false } },
    ]);
    expect(Reflect.getMetadata(ON_EVENT_METADATA, Host.prototype.handle)).toHaveLength(2);
  });

  it('does not give the handlers of a subclass to its base', () => {
    class Base {
      @OnEvent('base')
      handle() {}
    }
    class Sub extends Base {
      @OnEvent('sub')
      override handle() {}
    }
    expect(readOnEvent(Base.prototype.handle).map(({ keys }) => keys)).toEqual([['base']]);
    expect(readOnEvent(Sub.prototype.handle).map(({ keys }) => keys)).toEqual([['sub']]);
  });

  it('survives decorators that wrap the method and copy its metadata', () => {
    const Logged = (_: object, __: string, descriptor: PropertyDescriptor) => {
      const original = descriptor.value as (...args: unknown[]) => unknown;
      descriptor.value = function wrapped(this: unknown, ...args: unknown[]) {
        return original.apply(this, args);
      };
      for (const key of Reflect.getMetadataKeys(original)) {
        Reflect.defineMetadata(key, Reflect.getMetadata(key, original), descriptor.value as object);
      }
    };
    class Host {
      @Logged
      @OnEvent('wrapped')
      handle() {}
    }
    expect(readOnEvent(Host.prototype.handle)).toHaveLength(1);
  });

  it.each([
    ['an empty list', [], 'was given an empty list'],
    ['an empty name', '', '@OnEvent of Host.handle was given an empty name'],
    ['nothing', undefined, 'was given undefined; it needs a name, a pattern, a definition or a class'],
    ['nothing in a list', ['a', undefined], 'look for a circular import'],
    ['a number', 7, 'was given 7'],
    ['half a star', 'order.pl*', "a star inside the segment 'pl*'"],
  ])('refuses %s where it is written', (_, key, message) => {
    const decorate = () => {
      class Host {
        @OnEvent(key as string)
        handle() {}
      }
      return Host;
    };
    expect(decorate).toThrow(EventConfigurationError);
    expect(decorate).toThrow(message);
  });

  it('refuses what is not a method', () => {
    expect(() => {
      class Host {
        @(OnEvent('x') as PropertyDecorator)
        property = () => undefined;
      }
      return Host;
    }).toThrow("@OnEvent stands on 'property', which is not a method.");
  });
});
