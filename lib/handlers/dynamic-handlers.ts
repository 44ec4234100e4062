import type { BusParts } from '../bus-parts.js';
import { maySuspend } from '../dispatch/correlation.js';
import { nameOf } from '../emit/envelope.js';
import type { EventKey } from '../event-types.js';
import type { EventHandler, HandlerEntry } from './handler.js';
import type { HandlerOptions } from './handler-factory.js';
import { isEventDefinition } from '../schema/define-event.js';
import { hydrateEvent } from '../schema/event-data-as.js';

/** Handlers that come and go at run time. */
export class DynamicHandlers {
  readonly #entries = new Map<HandlerEntry, EventHandler>();
  #count = 0;

  constructor(private readonly parts: BusParts) {}

  on(key: EventKey | string, handler: EventHandler, options: HandlerOptions = {}): () => void {
    const { entry, remove } = this.#make(key, handler, handler, options);
    this.#add(entry, handler);
    return remove;
  }

  /** Stays until it has succeeded: a failed try is retried like any other. */
  once(key: EventKey | string, handler: EventHandler, options: HandlerOptions = {}): () => void {
    let taken = false;
    const onlyOnce: EventHandler = async (event, context) => {
      if (taken) return;
      taken = true;
      try {
        await handler(event, context);
        remove();
      } catch (error) {
        taken = false;
        throw error;
      }
    };
    const { entry, remove } = this.#make(key, handler, onlyOnce, options);
    this.#add(entry, handler);
    return remove;
  }

  off(key: EventKey | string, handler?: EventHandler): void {
    const pattern = nameOf(key);
    for (const [entry, original] of this.#entries) {
      if (entry.pattern === pattern && (handler === undefined || handler === original)) this.#remove(entry);
    }
  }

  #make(
    key: EventKey | string,
    owner: EventHandler,
    call: EventHandler,
    options: HandlerOptions,
  ): { entry: HandlerEntry; remove: () => void } {
    if (isEventDefinition(key)) this.parts.registry.define(key);
    const pattern = nameOf(key);
    const id = options.id ?? `on(${pattern})#${++this.#count}`;
    const entry = this.parts.factory.make({
      id,
      pattern,
      owner,
      label: `'${id}' (added by on())`,
      call: typeof key === 'function' ? (event, context) => call(hydrateEvent(event, key), context) : call,
      suspends: maySuspend(call),
      options,
    });
    return { entry, remove: () => this.#remove(entry) };
  }

  #add(entry: HandlerEntry, handler: EventHandler): void {
    this.parts.registry.add(entry);
    this.#entries.set(entry, handler);
  }

  #remove(entry: HandlerEntry): void {
    if (this.#entries.delete(entry)) this.parts.registry.remove(entry);
  }
}
