import type { InstanceWrapper } from './nest-types.js';
import { readOnEvent, type OnEventMetadata } from './on-event.decorator.js';

/** A method with one `@OnEvent`. */
export interface DecoratedMethod extends OnEventMetadata {
  readonly id: string;
  readonly method: string | symbol;
  readonly fn: (...args: never[]) => unknown;
  /** The same for every decorator of one method of one class. */
  readonly owner: object;
  readonly hostClass: object;
  readonly className: string;
}

/** The handlers of a provider or controller, in order of declaration; base class methods after its own. */
export function* decoratedMethods(wrapper: InstanceWrapper): Iterable<DecoratedMethod> {
  const prototype = prototypeOf(wrapper);
  if (prototype === undefined) return;
  const hostClass = prototype.constructor;
  const className = hostClass.name;
  for (const [method, fn] of methodsOf(prototype)) {
    const name = typeof method === 'symbol' ? `[${method.description ?? ''}]` : method;
    const owner = ownerOf(hostClass, method);
    for (const { keys, options } of readOnEvent(fn)) {
      yield {
        keys,
        options,
        id: options.id ?? `${className}.${name}`,
        method,
        fn,
        owner,
        hostClass,
        className,
      };
    }
  }
}

/** Value and factory providers have no class of their own to look at, only what they provide. */
function prototypeOf(wrapper: InstanceWrapper): object | undefined {
  if (wrapper.isAlias) return undefined;
  const instance: unknown = wrapper.instance;
  if (typeof instance === 'object' && instance !== null) {
    const prototype = Object.getPrototypeOf(instance) as object | null;
    return prototype === null || prototype === Object.prototype ? undefined : prototype;
  }
  const { metatype } = wrapper;
  const isClass = typeof metatype === 'function' && !wrapper.isNotMetatype;
  return isClass ? (metatype.prototype as object | undefined) : undefined;
}

/** Every method, the overriding before the overridden, which it hides. */
function* methodsOf(prototype: object): Iterable<[string | symbol, DecoratedMethod['fn']]> {
  const seen = new Set<string | symbol>(['constructor']);
  for (
    let level: object | null = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const key of Reflect.ownKeys(level)) {
      if (seen.has(key)) continue;
      seen.add(key);
      // The descriptor, not the property: a getter would run.
      const value: unknown = Object.getOwnPropertyDescriptor(level, key)?.value;
      if (typeof value === 'function') yield [key, value as DecoratedMethod['fn']];
    }
  }
}

const owners = new WeakMap<object, Map<string | symbol, object>>();

function ownerOf(hostClass: object, method: string | symbol): object {
  let methods = owners.get(hostClass);
  if (methods === undefined) owners.set(hostClass, (methods = new Map()));
  let owner = methods.get(method);
  if (owner === undefined) methods.set(method, (owner = {}));
  return owner;
}
