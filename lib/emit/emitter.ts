import type { BusParts } from '../bus-parts.js';
import { compose, type EmitContext, type EmitStep } from '../dispatch/middleware.js';
import { EventPublishError } from '../errors.js';
import type { Event } from '../event.js';
import type { EventKey } from '../event-types.js';
import type { DispatchPlan } from '../handlers/handler-registry.js';
import { isEventDefinition } from '../schema/define-event.js';
import type { EmitOptions } from './emit-options.js';
import { delayOf, nameOf } from './envelope.js';
import { DONE, runInline } from './inline.js';
import type { EmitReceipt } from './publisher.js';

/** One event to emit, as a caller described it. */
export interface Emission {
  readonly type: EventKey;
  readonly data?: unknown;
  readonly options?: EmitOptions | undefined;
}

/** Takes what callers emit to the handlers, to the backend, or to both. @internal */
export class Emitter {
  readonly #correlate: boolean;
  readonly #middleware: boolean;

  constructor(private readonly parts: BusParts) {
    this.#correlate = parts.options.correlation;
    this.#middleware = parts.options.emitMiddleware.length > 0;
  }

  emitSync(type: EventKey, data: unknown, options: EmitOptions | undefined): Promise<void> {
    try {
      this.parts.assertUsable();
      const name = nameOf(type);
      const plan = this.parts.registry.plan(name);
      if (this.#isPlain(type, plan)) {
        const event = this.parts.envelopes.make(name, data, plan.definition, options);
        return runInline(event, plan.all, this.#correlate);
      }
      return this.#prepare('emitSync', { type, data, options }, (event) =>
        runInline(event, plan.all, this.#correlate),
      );
    } catch (error) {
      return rejected(error);
    }
  }

  emitAsync(type: EventKey, data: unknown, options: EmitOptions | undefined): Promise<EmitReceipt> {
    try {
      this.parts.assertUsable();
      const name = nameOf(type);
      const plan = this.parts.registry.plan(name);
      if (this.#isPlain(type, plan)) {
        const event = this.parts.envelopes.make(name, data, plan.definition, options);
        return this.parts.publisher.publish(event, delayOf(options));
      }
      return this.#publishPrepared({ type, data, options });
    } catch (error) {
      return rejected(error);
    }
  }

  async emit(type: EventKey, data: unknown, options: EmitOptions | undefined): Promise<void> {
    this.parts.assertUsable();
    const { registry, publisher, backend, options: busOptions } = this.parts;
    const { inline, deferred } = registry.plan(nameOf(type));
    // Nobody else can see an in-process backend, so an event without handlers there need not go through it.
    const publishes = deferred.handlers.length > 0 || backend.capabilities?.shared !== false;
    const last = async (event: Event): Promise<void> => {
      const delayMs = delayOf(options);
      if (publishes) publisher.assertCanDelay(event, delayMs);
      await runInline(event, inline, this.#correlate);
      if (publishes) await publisher.publish(event, delayMs);
    };
    const inlinedBy = inline.handlers.length > 0 ? busOptions.source : undefined;
    await this.#prepare('emit', { type, data, options }, last, inlinedBy);
  }

  async emitBatch(emissions: readonly Emission[]): Promise<PromiseSettledResult<EmitReceipt>[]> {
    this.parts.assertUsable();
    const { publisher } = this.parts;
    const results: PromiseSettledResult<EmitReceipt>[] = [];
    const ready: { event: Event; delayMs?: number; index: number }[] = [];
    const collect = (emission: Emission, index: number) =>
      this.#prepare('emitBatch', emission, (event) => {
        const delayMs = delayOf(emission.options);
        publisher.assertCanDelay(event, delayMs);
        ready.push({ event, delayMs, index });
        return DONE;
      }).catch((reason: unknown) => {
        results[index] = { status: 'rejected', reason };
      });
    await Promise.all(emissions.map(collect));
    // A schema that answers late must not change the order of the events.
    ready.sort((a, b) => a.index - b.index);
    const receipts = await publisher.publishAll(ready);
    receipts.forEach((receipt, i) => {
      results[ready[i]!.index] =
        receipt instanceof Error
          ? { status: 'rejected', reason: receipt }
          : { status: 'fulfilled', value: receipt };
    });
    return results;
  }

  /** Nothing but making the envelope stands between the caller and the handlers. */
  #isPlain(type: EventKey, plan: DispatchPlan): boolean {
    return !this.#middleware && plan.definition?.schema === undefined && typeof type === 'string';
  }

  async #publishPrepared(emission: Emission): Promise<EmitReceipt> {
    let receipt: EmitReceipt | undefined;
    await this.#prepare('emitAsync', emission, async (event) => {
      receipt = await this.parts.publisher.publish(event, delayOf(emission.options));
    });
    if (receipt === undefined) {
      throw new EventPublishError(
        `Event '${nameOf(emission.type)}' may not be stored: emit middleware did not wait for next().`,
      );
    }
    return receipt;
  }

  /** Checks the data, makes the event and takes it through the emit middleware to its last step. */
  async #prepare(
    mode: EmitContext['mode'],
    { type, data, options }: Emission,
    last: (event: Event) => Promise<void>,
    inlinedBy?: string,
  ): Promise<void> {
    const { registry, schemas, envelopes, options: busOptions } = this.parts;
    const name = nameOf(type);
    const definition = isEventDefinition(type) ? type : registry.plan(name).definition;
    const checked = schemas.onEmit(definition, data);
    const value = checked instanceof Promise ? await checked : checked;
    const event = envelopes.make(name, value, definition, options, inlinedBy);
    if (definition !== undefined) schemas.mark(event);
    if (!this.#middleware) return last(event);
    let passed = false;
    const innermost: EmitStep = (passedOn) => {
      passed = true;
      return last(passedOn);
    };
    await compose(busOptions.emitMiddleware, innermost)(event, { mode, options: options ?? {} });
    if (!passed) {
      throw new EventPublishError(
        `Event '${name}' (${event.id}) was held back by emit middleware: it did not call next().`,
      );
    }
  }
}

/** Callers get exactly what was thrown, be it an `Error` or not. */
function rejected(thrown: unknown): Promise<never> {
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors
  return Promise.reject(thrown);
}
