import {
  type CustomTransportStrategy,
  type MessageHandler,
  Server,
  type TransportId,
} from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { createEventBus } from '../../create-event-bus.js';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { EventBus } from '../../event-bus.js';
import type { EventsModuleOptions } from '../../events-options.js';
import type { HandlerContext } from '../../handlers/handler.js';
import type { HandlerOptions } from '../../handlers/handler-factory.js';
import type { EventBackend } from '../backend.js';
import { EventsContext } from './events-context.js';
import type { PayloadKind } from './packet.js';

/** Identifies the transport: `@EventPattern('order.placed', EVENTS_TRANSPORT)` is for it alone. */
export const EVENTS_TRANSPORT = Symbol('nestjs-durable-events');

/** Options of {@link EventsTransport}. */
export interface EventsTransportOptions {
  /** What `@Payload()` is: the event, or its data alone. Default `event`. */
  payload?: PayloadKind;
}

/**
 * A transport strategy: plain `@EventPattern` handlers are called with the events of any backend, with the retries, dead
 * letters and all else of `@OnEvent`. Extras of the decorator are options of the handler.
 *
 * @example
 * const app = await NestFactory.createMicroservice(AppModule, {
 *   strategy: new EventsTransport({ backend: new RedisStreamsBackend({ connection, group: 'billing' }) }),
 * });
 */
export class EventsTransport extends Server implements CustomTransportStrategy {
  override readonly transportId: TransportId = EVENTS_TRANSPORT;
  /** Nest 12 leaves failures to us then. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #bus: EventBus;
  readonly #ownsBus: boolean;
  readonly #payload: PayloadKind;
  readonly #ids = new Map<string, number>();

  /**
   * @param source A bus, which stays the caller's and is neither started nor closed; or what `createEventBus()` makes one
   * of, which is.
   * @throws {EventConfigurationError} for an option that cannot work.
   */
  constructor(
    source: EventBus | EventBackend | EventsModuleOptions,
    { payload = 'event' }: EventsTransportOptions = {},
  ) {
    super();
    if (payload !== 'event' && payload !== 'data') {
      throw new EventConfigurationError(
        `Option 'payload' of EventsTransport is ${JSON.stringify(payload)}. Set it to 'event' or 'data'.`,
      );
    }
    this.#payload = payload;
    this.#ownsBus = !(source instanceof EventBus);
    this.#bus = source instanceof EventBus ? source : createEventBus(source);
  }

  /** Nest calls it for each decorated method, also where several have one pattern. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const name = this.normalizePattern(pattern as string);
    if (!isEventHandler) {
      // In an application with several transports, Nest offers each handler to all of them.
      this.logger.warn(
        `EventsTransport does not call @MessagePattern('${name}'): nobody waits for an answer.`,
      );
      return;
    }
    const options: HandlerOptions = { id: this.#idOf(name), ...(extras as HandlerOptions) };
    this.#bus.on(name, (event, context) => this.#call(callback, event, context), options);
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      if (this.#ownsBus) await this.#bus.start();
    } catch (error) {
      return callback(error);
    }
    callback();
  }

  async close(): Promise<void> {
    if (this.#ownsBus) await this.#bus.close();
  }

  /** @throws {EventConfigurationError} always: watch `bus.errors` and `bus.observe()`. */
  override on(): never {
    throw new EventConfigurationError('EventsTransport has no events of its own. Use errors of its bus.');
  }

  /** The bus, as for `app.getMicroservices()[0].unwrap()`. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as Nest has it
  override unwrap<T = EventBus>(): T;
  override unwrap(): EventBus {
    return this.#bus;
  }

  /** Ends as the handler does, so that a failure is retried. */
  #call(callback: MessageHandler, event: Event, context: HandlerContext): Promise<void> {
    const payload: unknown = this.#payload === 'event' ? event : event.data;
    const rpc = new EventsContext([event, context]);
    const run = async () => {
      try {
        const result: unknown = await callback(payload, rpc);
        if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
      } finally {
        this.onProcessingEndHook?.(EVENTS_TRANSPORT, rpc);
      }
    };
    return new Promise((resolve, reject) => {
      this.onProcessingStartHook(EVENTS_TRANSPORT, rpc, () => run().then(resolve, reject));
    });
  }

  /** The first handler of a pattern is named for it, others by their number. */
  #idOf(name: string): string {
    const count = (this.#ids.get(name) ?? 0) + 1;
    this.#ids.set(name, count);
    return count === 1 ? `EventPattern(${name})` : `EventPattern(${name})#${count}`;
  }
}
