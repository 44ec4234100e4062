import 'reflect-metadata';
import type { ArgumentsHost } from '@nestjs/common';
import type { ApplicationConfig, ContextId, ExternalContextCreator } from '@nestjs/core';
import { EventConfigurationError } from '../errors.js';
import type { Event } from '../event.js';
import type { EnhancerKind } from '../events-options.js';
import { hydrateEvent } from '../schema/event-data-as.js';
import type { EventHandler, HandlerContext } from './handler.js';
import { type EventContexts, type HandlerTarget, instanceFor, isScoped } from './host-call.js';
import type { InstanceWrapper } from './nest-types.js';

/** What Nest offers to run guards, interceptors, pipes and filters around any method. */
export interface EnhancerTools {
  readonly creator: ExternalContextCreator;
  readonly config: ApplicationConfig;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What `context.getType()` says while a handler runs. */
const CONTEXT_TYPE = 'event';
/** Key under which Nest finds, for a made-up method name, that its one parameter goes through the pipes. */
const PIPED = 'nestjs-durable-events:piped';
/** A parameter of the kind that Nest calls `body`: the one that its ValidationPipe looks at. */
const PIPED_DATA = { '3:0': { index: 0, data: undefined, pipes: [] } };
const DATA_OF_EVENT = { exchangeKeyForValue: (_type: number, _key: unknown, [event]: [Event]) => event.data };

/**
 * Whether a guard, interceptor or filter runs around an event handler. `host.getArgs()` is then what the handler
 * receives, and `host.switchToRpc().getData()` the event.
 *
 * @example
 * canActivate(context: ExecutionContext) {
 *   return isEventContext(context) || this.checkRequest(context.switchToHttp().getRequest());
 * }
 */
export function isEventContext(host: ArgumentsHost): boolean {
  return host.getType<string>() === CONTEXT_TYPE;
}

/** Puts Nest's enhancers around handlers, in Nest's own order: guards, interceptors, pipes, and filters last. */
export class Enhancers {
  readonly #kinds: ReadonlySet<EnhancerKind>;
  /** Global enhancers that are made anew for every event. */
  readonly #scopedGlobals: readonly InstanceWrapper[];

  /** @throws {EventConfigurationError} for a global enhancer of transient scope, which has nobody to belong to. */
  constructor(
    kinds: readonly EnhancerKind[],
    private readonly tools: EnhancerTools,
    private readonly contexts: EventContexts,
  ) {
    this.#kinds = new Set(kinds);
    this.#scopedGlobals = kinds.flatMap((kind) => scopedGlobals(tools.config, kind));
  }

  /** @param id Sets the handler apart from every other of the application. */
  around(target: HandlerTarget, id: string): EventHandler {
    const { wrapper } = target;
    const pipeline = new Pipeline(target, id, this.#kinds, hostedBy(this.tools.creator, wrapper));
    if (!isScoped(wrapper) && this.#scopedGlobals.length === 0) return pipeline.on(wrapper.instance);
    return async (event, context) => {
      const contextId = this.contexts.idFor(event, context.handlerId, wrapper);
      await Promise.all(this.#scopedGlobals.map((each) => instanceFor(each, contextId)));
      const instance = isScoped(wrapper) ? await instanceFor(wrapper, contextId) : wrapper.instance;
      return pipeline.on(instance, contextId)(event, context);
    };
  }
}

/** The enhancers of one handler. */
class Pipeline {
  readonly #name: string;

  constructor(
    private readonly target: HandlerTarget,
    id: string,
    private readonly kinds: ReadonlySet<EnhancerKind>,
    private readonly creator: ExternalContextCreator,
  ) {
    this.#name = `@OnEvent ${id}`;
    if (kinds.has('pipes')) declareDataParameter(target, pipedName(this.#name));
  }

  /** The pipeline for one instance; without a context, for the only one. */
  on(instance: unknown, contextId?: ContextId): EventHandler {
    const { method, dataClass } = this.target;
    const original = (instance as Record<string | symbol, Method>)[method]!;
    const guards = this.kinds.has('guards');
    const interceptors = this.kinds.has('interceptors');
    const inner = this.kinds.has('pipes') ? this.#piped(instance, original, contextId) : original;
    const guarded = this.#create(instance, inner, contextId, { guards, interceptors });
    const run: EventHandler = (event, context) =>
      guarded(dataClass === undefined ? event : hydrateEvent(event, dataClass), context);
    if (!this.kinds.has('filters')) return run;
    return async (event, context) => {
      try {
        return await run(event, context);
      } catch (error) {
        await this.#filter(error, instance, original, contextId, [event, context]);
        throw error; // a filter may look and may throw something else, but what failed has failed
      }
    };
  }

  /** The method, called with an event whose data went through the pipes. */
  #piped(instance: unknown, original: Method, contextId: ContextId | undefined): Method {
    const pick = standIn(original, (data) => data);
    const pipe = this.#create(instance, pick, contextId, {}, true);
    return standIn(original, async (event, context) => {
      const data: unknown = await pipe(event, context);
      const { data: before } = event as Event;
      return original.call(instance, data === before ? event : (event as Event).with(data), context);
    });
  }

  /** Shows the error to the filters; rejects with it, or with what a filter throws instead. */
  #filter(
    error: unknown,
    instance: unknown,
    original: Method,
    contextId: ContextId | undefined,
    args: [Event, HandlerContext],
  ): Promise<unknown> {
    const failing = standIn(original, () => {
      throw error;
    });
    return this.#create(instance, failing, contextId, { filters: true })(...args);
  }

  #create(
    instance: unknown,
    callback: Method,
    contextId: ContextId | undefined,
    kinds: { guards?: boolean; interceptors?: boolean; filters?: boolean },
    piped = false,
  ): (...args: unknown[]) => Promise<unknown> {
    const { guards = false, interceptors = false, filters = false } = kinds;
    return this.creator.create(
      instance as object,
      callback,
      piped ? pipedName(this.#name) : this.#name,
      piped ? PIPED : undefined,
      piped ? DATA_OF_EVENT : undefined,
      contextId,
      this.target.wrapper.id,
      { guards, interceptors, filters },
      CONTEXT_TYPE,
    );
  }
}

/** A function in the place of a method, in which `Reflector` finds all metadata of the method. */
function standIn(method: Method, replacement: Method): Method {
  Object.defineProperty(replacement, 'name', { value: method.name });
  return Object.setPrototypeOf(replacement, method) as Method;
}

/** Nest 11 remembers the parameters of a method by its name alone, so the piped call has a name of its own. */
function pipedName(name: string): string {
  return `${name} data`;
}

function declareDataParameter({ wrapper, dataClass }: HandlerTarget, name: string): void {
  const { constructor: hostClass } = Object.getPrototypeOf(wrapper.instance) as { constructor: Function };
  Reflect.defineMetadata(PIPED, PIPED_DATA, hostClass, name);
  Reflect.defineMetadata('design:paramtypes', [dataClass], hostClass.prototype as object, name);
}

/**
 * Nest looks for the module of a host among providers only, and by its class: it would not find that of a controller
 * and take the wrong one for a class of two modules. Guards bound by class would then be left out.
 */
function hostedBy(creator: ExternalContextCreator, { host }: InstanceWrapper): ExternalContextCreator {
  const moduleKey = () => host!.token;
  return Object.assign(Object.create(creator) as ExternalContextCreator, {
    getContextModuleKey: moduleKey,
    getHostModuleKey: moduleKey,
  });
}

function scopedGlobals(config: ApplicationConfig, kind: EnhancerKind): InstanceWrapper[] {
  const wrappers = {
    guards: () => config.getGlobalRequestGuards(),
    interceptors: () => config.getGlobalRequestInterceptors(),
    pipes: () => config.getGlobalRequestPipes(),
    filters: () => config.getGlobalRequestFilters(),
  }[kind]();
  for (const { isTransient, name } of wrappers) {
    if (!isTransient) continue;
    throw new EventConfigurationError(
      `The global enhancer '${name}' is transient, and EventsModule has '${kind}' among its enhancers. Give it the default or the request scope, or leave '${kind}' out.`,
    );
  }
  return wrappers as InstanceWrapper[];
}
