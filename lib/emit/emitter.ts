import type { BusParts } from '../bus-parts.js';
import { compose, type EmitContext, type EmitStep } from '../dispatch/middleware.js';
import { EventPublishError } from '../errors.js';
import type { Event } from '../event.js';
import type { EventKey } from '../event-types.js';
import type { DispatchPlan } from '../handlers/handler-registry.js';
import { type EventDefinition, isEventDefinition } from '../schema/define-event.js';
import type { EmitOptions } from './emit-options.js';
import { nameOf, publishOptionsOf } from './envelope.js';
import { DONE, runInline } from './inline.js';
import type { EmitReceipt } from './publisher.js';
import type { Emitted, EventRecorder } from './recorder.js';

/** One event to emit, as a caller described it. */
export interface Emission {
  readonly type: EventKey;
  readonly data?: unknown;
  readonly options?: EmitOptions | undefined;
}

/** What becomes of an event when nothing stands before it any more. */
type LastStep = (event: Event, definition: EventDefinition | undefined) => Promise<void>;

/** Takes what callers emit to the handlers, to the backend, or to both. @internal */
export class Emitter {
  readonly #correlate: boolean;
  readonly #middleware: boolean;
  readonly #recorder: EventRecorder | undefined;
  /** Neither middleware nor a store has a say. */
  readonly #direct: boolean;

  constructor(private readonly parts: BusParts) {
    this.#correlate = parts.options.correlation;
    this.#middleware = parts.options.emitMiddleware.length > 0;
    this.#recorder = parts.recorder;
    this.#direct = !this.#middleware && this.#recorder === undefined;
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
        this.#handle(event, () => runInline(event, plan.all, this.#correlate)),
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
        return this.parts.publisher.publish(event, publishOptionsOf(options));
      }
      return this.#publishPrepared({ type, data, options });
    } catch (error) {
      return rejected(error);
    }
  }

  async emit(type: EventKey, data: unknown, options: EmitOptions | undefined): Promise<void> {
    this.parts.assertUsable();
    const { registry, backend, options: busOptions } = this.parts;
    const { inline, deferred } = registry.plan(nameOf(type));
    // Nobody else can see an in-process backend, so an event without handlers there need not go through it.
    const publishes = deferred.handlers.length > 0 || backend.capabilities?.shared !== false;
    const last: LastStep = async (event, definition) => {
      const run = () => runInline(event, inline, this.#correlate);
      if (!publishes) return this.#handle(event, run);
      const emitted = this.#checked(event, definition, options);
      if (this.#recorder !== undefined) return void (await this.#recorder.publish(emitted, run));
      await run();
      await this.#publish(emitted);
    };
    const inlinedBy = inline.handlers.length > 0 ? busOptions.source : undefined;
    await this.#prepare('emit', { type, data, options }, last, inlinedBy);
  }

  async emitBatch(emissions: readonly Emission[]): Promise<PromiseSettledResult<EmitReceipt>[]> {
    this.parts.assertUsable();
    const results: PromiseSettledResult<EmitReceipt>[] = [];
    const ready: (Emitted & { readonly index: number })[] = [];
    const collect = (emission: Emission, index: number) =>
      this.#prepare('emitBatch', emission, (event, definition) => {
        ready.push({ ...this.#checked(event, definition, emission.options), index });
        return DONE;
      }).catch((reason: unknown) => {
        results[index] = { status: 'rejected', reason };
      });
    await Promise.all(emissions.map(collect));
    // A schema that answers late must not change the order of the events.
    ready.sort((a, b) => a.index - b.index);
    const receipts =
      this.#recorder === undefined
        ? await this.parts.publisher.publishAll(ready.map(({ outgoing }) => outgoing))
        : await this.#recorder.publishAll(ready);
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
    if (!this.#direct || typeof type !== 'string') return false;
    const { definition } = plan;
    return (
      definition === undefined ||
      (definition.schema === undefined && definition.publishVersion === definition.version)
    );
  }

  async #publishPrepared(emission: Emission): Promise<EmitReceipt> {
    let receipt: EmitReceipt | undefined;
    await this.#prepare('emitAsync', emission, async (event, definition) => {
      receipt = await this.#publish(this.#checked(event, definition, emission.options));
    });
    if (receipt === undefined) {
      throw new EventPublishError(
        `Event '${nameOf(emission.type)}' may not be stored: emit middleware did not wait for next().`,
      );
    }
    return receipt;
  }

  #handle(event: Event, run: () => Promise<void>): Promise<void> {
    return this.#recorder === undefined ? run() : this.#recorder.handle(event, run);
  }

  /** @throws {EventConfigurationError} when the event cannot be published as the options want it. */
  #checked(event: Event, definition: EventDefinition | undefined, options: EmitOptions | undefined): Emitted {
    const { publisher, schemas } = this.parts;
    const outgoing = { event: schemas.onPublish(event, definition), options: publishOptionsOf(options) };
    const emitted = { event, outgoing };
    if (this.#recorder === undefined) publisher.assertCan(outgoing.event, outgoing.options);
    else this.#recorder.assertCan(emitted);
    return emitted;
  }

  #publish(emitted: Emitted): Promise<EmitReceipt> {
    const { event, options } = emitted.outgoing;
    return this.#recorder?.publish(emitted) ?? this.parts.publisher.publish(event, options);
  }

  /** Checks the data, makes the event and takes it through the emit middleware to its last step. */
  async #prepare(
    mode: EmitContext['mode'],
    { type, data, options }: Emission,
    last: LastStep,
    inlinedBy?: string,
  ): Promise<void> {
    const { registry, schemas, envelopes, options: busOptions } = this.parts;
    const name = nameOf(type);
    const definition = isEventDefinition(type) ? type : registry.plan(name).definition;
    const checked = schemas.onEmit(definition, data);
    const value = checked instanceof Promise ? await checked : checked;
    const event = envelopes.make(name, value, definition, options, inlinedBy);
    if (definition !== undefined) schemas.onEmitted(event);
    if (!this.#middleware) return last(event, definition);
    let passed = false;
    const innermost: EmitStep = (passedOn) => {
      passed = true;
      return last(passedOn, definition);
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
