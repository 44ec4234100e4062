import { ModulesContainer } from '@nestjs/core';
import type { BusParts } from '../bus-parts.js';
import { maySuspend } from '../dispatch/correlation.js';
import { nameOf } from '../emit/envelope.js';
import { EventConfigurationError } from '../errors.js';
import type { EventKey } from '../event-types.js';
import { isEventDefinition } from '../schema/define-event.js';
import { decoratedMethods, type DecoratedMethod } from './decorated-methods.js';
import { Enhancers, type EnhancerTools } from './enhancers.js';
import type { EventHandler } from './handler.js';
import { EventContexts, type HandlerTarget, isScoped, scopedCall, singletonCall } from './host-call.js';
import type { InstanceWrapper, NestModule } from './nest-types.js';

/** Finds the `@OnEvent` methods of an application and registers those of one bus. */
export class HandlerExplorer {
  readonly #contexts = new EventContexts();
  readonly #enhancers: Enhancers | undefined;
  readonly #explored = new Set<InstanceWrapper>();
  /** First place of every class with handlers, to notice one that is provided twice. */
  readonly #places = new Map<object, { readonly instance: unknown; readonly module: string }>();

  /** @throws {EventConfigurationError} when the application has enhancers that cannot be put around handlers. */
  constructor(
    private readonly parts: BusParts,
    private readonly modules: ModulesContainer,
    tools: EnhancerTools,
    /** Names of all buses of the application. */
    private readonly busNames: ReadonlySet<string | undefined>,
  ) {
    const { enhancers } = parts.options;
    if (enhancers.length > 0) this.#enhancers = new Enhancers(enhancers, tools, this.#contexts);
  }

  /** @throws {EventConfigurationError} naming the handler that cannot be registered. */
  exploreAll(): void {
    for (const module of this.modules.values()) this.explore(module);
    this.#assertLimits();
  }

  /** Registers the handlers of one module: of a lazy one, once it is loaded. What it knows already it leaves alone. */
  explore(module: NestModule): void {
    for (const collection of [module.providers, module.controllers]) {
      for (const wrapper of collection.values()) this.#exploreWrapper(wrapper, module);
    }
  }

  #exploreWrapper(wrapper: InstanceWrapper, module: NestModule): void {
    if (this.#explored.has(wrapper)) return;
    this.#explored.add(wrapper);
    const own = this.#handlersOf(wrapper);
    const [first] = own;
    if (first === undefined) return;
    const suffix = this.#suffixOf(first, wrapper, module);
    if (suffix === undefined) return;
    for (const decorated of own) this.#register(decorated, wrapper, module, suffix);
  }

  /** The handlers that are for this bus. */
  #handlersOf(wrapper: InstanceWrapper): DecoratedMethod[] {
    return [...decoratedMethods(wrapper)].filter((decorated) => {
      const { bus } = decorated.options;
      if (!this.busNames.has(bus)) throw this.#unknownBus(decorated, bus);
      return bus === this.parts.options.name;
    });
  }

  /** What sets a second instance of a class apart in ids; `undefined` when it is not to be registered. */
  #suffixOf(
    { hostClass, className }: DecoratedMethod,
    { instance }: InstanceWrapper,
    module: NestModule,
  ): string | undefined {
    const first = this.#places.get(hostClass);
    if (first === undefined) {
      this.#places.set(hostClass, { instance, module: module.name });
      return '';
    }
    if (first.instance === instance) return undefined; // the same one under another token
    const { duplicates } = this.parts.options;
    if (duplicates === 'all') return `@${module.name}`;
    const problem = `${className} is provided by ${first.module} and by ${module.name}, so each of its event handlers exists twice.`;
    const mend = `Provide it in one module and export it, or set the option 'duplicates'.`;
    if (duplicates === 'error') throw new EventConfigurationError(`${problem} ${mend}`);
    this.parts.notices.warn(`${problem} Only the one of ${first.module} handles events. ${mend}`);
    return undefined;
  }

  #register(decorated: DecoratedMethod, wrapper: InstanceWrapper, module: NestModule, suffix: string): void {
    const { method, owner, keys, options } = decorated;
    const suspends = this.#isWrapped(wrapper) || maySuspend(decorated.fn);
    const id = decorated.id + suffix;
    for (const key of keys) {
      if (isEventDefinition(key)) this.parts.registry.define(key);
      const pattern = nameOf(key as EventKey);
      const target = { wrapper, method, dataClass: typeof key === 'function' ? key : undefined };
      const entry = this.parts.factory.make({
        id,
        pattern,
        owner: suffix === '' ? owner : wrapper,
        label: `${decorated.className}.${String(method)} in ${module.name}`,
        call: this.#callOf(target, `${id} ${pattern}`),
        suspends,
        options,
      });
      this.parts.registry.add(entry);
    }
  }

  /** Resolving an instance and running enhancers take their time, whatever the method does. */
  #isWrapped(wrapper: InstanceWrapper): boolean {
    return this.#enhancers !== undefined || isScoped(wrapper);
  }

  #callOf(target: HandlerTarget, handlerName: string): EventHandler {
    if (this.#enhancers !== undefined) {
      const { name = '' } = this.parts.options;
      return this.#enhancers.around(target, `${name}/${handlerName}`);
    }
    return isScoped(target.wrapper) ? scopedCall(target, this.#contexts) : singletonCall(target);
  }

  #unknownBus({ className, method }: DecoratedMethod, bus: string | undefined): EventConfigurationError {
    const known = [...this.busNames].map((name) => (name === undefined ? 'the unnamed one' : `'${name}'`));
    const wanted = bus === undefined ? 'the unnamed bus' : `the bus '${bus}'`;
    return new EventConfigurationError(
      `Handler ${className}.${String(method)} is for ${wanted}, but the application has only ${known.join(', ')}. Import EventsModule.forRoot(${bus === undefined ? '' : `{ name: '${bus}' }`}), or correct the handler's 'bus' option.`,
    );
  }

  #assertLimits(): void {
    for (const { pattern } of this.parts.registry.entries()) {
      if (!pattern.includes('*')) this.parts.registry.plan(pattern);
    }
  }
}
