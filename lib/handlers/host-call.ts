import { ContextIdFactory, ModuleRef, type ContextId } from '@nestjs/core';
import type { Event } from '../event.js';
import type { EventClass } from '../event-types.js';
import { hydrateEvent } from '../schema/event-data-as.js';
import type { EventHandler } from './handler.js';
import type { InstanceWrapper } from './nest-types.js';

type Host = Record<string | symbol, (...args: unknown[]) => unknown>;

/** The method behind a handler. */
export interface HandlerTarget {
  readonly wrapper: InstanceWrapper;
  readonly method: string | symbol;
  /** The class whose instances the handler asked for as data; absent for names, patterns and definitions. */
  readonly dataClass?: EventClass;
}

type Contexts = WeakMap<Event, { readonly id: ContextId; readonly usedBy: Set<string> }>;

/** Gives the handlers of one event the same injection context, as the handlers of one HTTP request have. */
export class EventContexts {
  readonly #shared: Contexts = new WeakMap();
  /** Durable handlers live longer than the event: their REQUEST is what the strategy says of the tenant. */
  readonly #durable: Contexts = new WeakMap();

  /** The context for one call of a handler: a handler that comes back, to try again, gets a new one. */
  idFor(event: Event, handlerId: string, wrapper: InstanceWrapper): ContextId {
    const durable = wrapper.isDependencyTreeDurable();
    const contexts = durable ? this.#durable : this.#shared;
    const known = contexts.get(event);
    if (known !== undefined && !known.usedBy.has(handlerId)) {
      known.usedBy.add(handlerId);
      return known.id;
    }
    // The event itself goes to the context strategy, so that durable providers can be told apart by its tenant.
    const id = ContextIdFactory.getByRequest(event as unknown as Record<string, unknown>);
    moduleRefOf(wrapper).registerRequestByContextId(durable ? (id.payload ?? event) : event, id);
    contexts.set(event, { id, usedBy: new Set([handlerId]) });
    return id;
  }
}

/** Whether Nest makes a new instance per context: request-scoped, durable, or transient. */
export function isScoped(wrapper: InstanceWrapper): boolean {
  return !wrapper.isDependencyTreeStatic() || wrapper.isTransient;
}

/** Calls a method of the one instance. Looked up at each call, so that a test may spy on it after boot. */
export function singletonCall({ wrapper, method, dataClass }: HandlerTarget): EventHandler {
  const host = wrapper.instance as Host;
  const call: EventHandler =
    (typeof method === 'string' && compiledCall(host, method)) ||
    ((event, context) => host[method]!(event, context));
  return dataClass === undefined ? call : (event, context) => call(hydrateEvent(event, dataClass), context);
}

/**
 * The same look-up and call, as code of its own for each handler: the engine then remembers where the method was
 * last time, which it cannot do for one piece of code that serves every handler (18 ns against 52 ns a call).
 */
function compiledCall(host: Host, method: string): EventHandler | undefined {
  try {
    // The text holds nothing but the method's name, as a JSON string.
    // oxlint-disable-next-line typescript/no-implied-eval
    const make = new Function(
      'host',
      `return (event, context) => host[${JSON.stringify(method)}](event, context)`,
    );
    return make(host) as EventHandler;
  } catch {
    return undefined; // Node runs with --disallow-code-generation-from-strings
  }
}

/** Calls a method of an instance made for the event. A constructor that throws is a failure of the handler. */
export function scopedCall(target: HandlerTarget, contexts: EventContexts): EventHandler {
  const { wrapper, method, dataClass } = target;
  return async (event, context) => {
    const id = contexts.idFor(event, context.handlerId, wrapper);
    const host = (await instanceFor(wrapper, id)) as Host;
    return host[method]!(dataClass === undefined ? event : hydrateEvent(event, dataClass), context);
  };
}

/** The instance of a scoped provider for a context, made by the module that hosts it. */
export function instanceFor(wrapper: InstanceWrapper, id: ContextId): Promise<unknown> {
  return moduleRefOf(wrapper).resolve(wrapper.token as string, id, { strict: true });
}

function moduleRefOf(wrapper: InstanceWrapper): ModuleRef {
  return wrapper.host!.getProviderByKey(ModuleRef).instance;
}
