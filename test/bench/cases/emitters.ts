import { startApplication } from './application.js';
import { EVENT_TYPES, makeListener, PAYLOADS, type Tally } from './listeners.js';

/** What the applications of both sides have in common. */
export interface HandlerSetup {
  readonly handlersPerType: number;
  readonly async: boolean;
}

/** An application that emits. */
export interface Emitter {
  /** Emits the `i`-th event and resolves when its handlers are done. */
  readonly emit: (i: number) => Promise<unknown>;
  readonly tally: Tally;
  readonly close: () => Promise<void>;
}

/** An application with our module. */
export async function ourEmitter({
  handlersPerType,
  async,
  correlation = true,
}: HandlerSetup & { readonly correlation?: boolean }): Promise<Emitter> {
  const { EventBus, EventsModule, OnEvent } = await import('nestjs-durable-events');
  const { listener, tally } = makeListener({
    types: EVENT_TYPES,
    handlersPerType,
    async,
    reads: 'argument.data.userId',
    decorate: (type) => OnEvent(type),
  });
  const app = await startApplication(EventsModule.forRoot({ correlation }), listener);
  const bus = app.get(EventBus);
  return {
    emit: (i) => bus.emitSync(EVENT_TYPES[i & 7]!, PAYLOADS[i & 63]),
    tally,
    close: () => app.close(),
  };
}

/** An application with `@nestjs/event-emitter`. */
export async function nestEmitter({
  handlersPerType,
  async,
  wildcard,
}: HandlerSetup & { readonly wildcard: boolean }): Promise<Emitter> {
  const { EventEmitter2, EventEmitterModule, OnEvent } = await import('@nestjs/event-emitter');
  const { listener, tally } = makeListener({
    types: EVENT_TYPES,
    handlersPerType,
    async,
    reads: 'argument.userId',
    decorate: (type) => OnEvent(type),
  });
  const app = await startApplication(EventEmitterModule.forRoot({ wildcard, maxListeners: 0 }), listener);
  const emitter = app.get(EventEmitter2);
  return {
    emit: (i) => emitter.emitAsync(EVENT_TYPES[i & 7]!, PAYLOADS[i & 63]),
    tally,
    close: () => app.close(),
  };
}
