import 'reflect-metadata';
import { EventConfigurationError } from '../errors.js';
import type { EventClass, EventOf, ValidPattern } from '../event-types.js';
import { type EventDefinition, isEventDefinition } from '../schema/define-event.js';
import type { HandlerContext } from './handler.js';
import type { HandlerOptions } from './handler-factory.js';
import { compilePattern, isPattern } from './pattern.js';

/** Metadata key under which {@link OnEvent} keeps its calls, on the method itself. */
export const ON_EVENT_METADATA = 'nestjs-durable-events:on-event';

/** What a handler may listen to: a name, a pattern, a definition or a class. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a definition of any schema
export type EventListenable = string | EventDefinition<string, any, any> | EventClass;

/** Options of {@link OnEvent}. */
export interface OnEventOptions extends HandlerOptions {
  /** Name of the bus, as given to `forRoot({ name })`. Default: the unnamed bus. */
  readonly bus?: string;
}

/** One use of {@link OnEvent}, as found on a method. */
export interface OnEventMetadata {
  readonly keys: readonly EventListenable[];
  readonly options: OnEventOptions;
}

/** Accepts only methods that can take the event; the error of the compiler says what differs. */
export type OnEventDecorator<K> = <H extends (event: EventOf<K>, context: HandlerContext) => unknown>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<H>,
) => void;

/**
 * Makes a method of a provider or controller a handler. May stand on a method several times. A method that
 * overrides a handler is one only if it is decorated itself.
 *
 * @param key What to listen to: `order.placed`, `order.*` (one further segment), `order.**` (one or more), `*`
 *   (everything), a definition, a class, or a list of these.
 * @param options Priority, retry, timeout and more.
 * @throws {EventConfigurationError} when there is nothing to listen to, a pattern cannot match, or it decorates
 *   something that is not a method.
 *
 * @example
 * @OnEvent('after:signup', { priority: 10, retry: 5 })
 * async sendWelcomeMail(event: Event<Signup>, context: HandlerContext) {}
 */
export function OnEvent<const K extends EventListenable | readonly EventListenable[]>(
  key: ValidPattern<K>,
  options: OnEventOptions = {},
): OnEventDecorator<K> {
  const keys = (Array.isArray(key) ? key : [key]) as EventListenable[];
  if (keys.length === 0) {
    throw new EventConfigurationError(
      '@OnEvent was given an empty list; name at least one event to listen to.',
    );
  }
  return (target, property, descriptor) => {
    const method = descriptor?.value as unknown;
    if (typeof method !== 'function') {
      throw new EventConfigurationError(
        `@OnEvent stands on '${String(property)}', which is not a method. Only methods can be handlers.`,
      );
    }
    keys.forEach((each) => assertListenable(each, `${target.constructor.name}.${String(property)}`));
    // A new list each time: one shared with a base class would give handlers of the one to the other.
    const earlier = readOnEvent(method);
    Reflect.defineMetadata(ON_EVENT_METADATA, [{ keys, options }, ...earlier], method);
  };
}

/** Told where it is written, by the stack of the error; a circular import, the common cause, shows nowhere else. */
function assertListenable(key: unknown, method: string): void {
  if ((typeof key === 'string' && key !== '') || typeof key === 'function' || isEventDefinition(key)) {
    if (typeof key === 'string' && isPattern(key)) compilePattern(key);
    return;
  }
  const given = typeof key === 'string' ? 'an empty name' : String(key);
  throw new EventConfigurationError(
    `@OnEvent of ${method} was given ${given}; it needs a name, a pattern, a definition or a class. If it should be one, look for a circular import.`,
  );
}

/** The uses of {@link OnEvent} on a method, top to bottom. */
export function readOnEvent(method: object): readonly OnEventMetadata[] {
  return (Reflect.getOwnMetadata(ON_EVENT_METADATA, method) as OnEventMetadata[] | undefined) ?? [];
}
