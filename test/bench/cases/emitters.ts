import { startApplication } from './application.js';
import { EVENT_TYPES, makeListener, PAYLOADS, type Tally } from './listeners.js';

/** What the applications of both sides have in common. */
export interface HandlerSetup {
  readonly handlersPerType: number;
  readonly async: boolean;
  /** Whether a handler calls something. Default true. */
  readonly calling?: boolean;
}

/** An application that emits. */
export interface Emitter {
  /** Emits the `i`-th event and resolves when its handlers are done. */
  readonly emit: (i: number) => Promise<unknown>;
  readonly tally: Tally;
  readonly close: () => Promise<void>;
}

/** More about the application with our module. */
export interface OurSetup extends HandlerSetup {
  readonly correlation?: boolean;
  /** Handlers of patterns that no emitted event matches. */
  readonly otherPatterns?: number;
}

/** An application with our module. */
export async function ourEmitter(setup: OurSetup): Promise<Emitter> {
  const { correlation = true, otherPatterns = 0, ...handlers } = setup;
  const { listener, tally } = await ourListener(EVENT_TYPES, handlers);
  const others = await ourListener(patterns(otherPatterns), ONE_HANDLER);
  const { EventBus, EventsModule } = await import('nestjs-durable-events');
  const app = await startApplication(EventsModule.forRoot({ correlation }), listener, others.listener);
  const bus = app.get(EventBus);
  return {
    emit: (i) => bus.emitSync(EVENT_TYPES[i & 7]!, PAYLOADS[i & 63]),
    tally,
    close: () => app.close(),
  };
}

/** An application with our module in which every event has a name of its own, which one of the patterns matches. */
export async function ourEmitterOfNewNames(patternCount: number): Promise<Emitter> {
  const { listener, tally } = await ourListener(patterns(patternCount), ONE_HANDLER);
  const { EventBus, EventsModule } = await import('nestjs-durable-events');
  const app = await startApplication(EventsModule.forRoot(), listener);
  const bus = app.get(EventBus);
  let names = 0;
  return {
    emit: (i) => bus.emitSync(`area0.name${names++}`, PAYLOADS[i & 63]),
    tally,
    close: () => app.close(),
  };
}

function patterns(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `area${i}.*`);
}

const ONE_HANDLER: HandlerSetup = { handlersPerType: 1, async: false };

async function ourListener(types: readonly string[], { calling = true, ...handlers }: HandlerSetup) {
  const { OnEvent } = await import('nestjs-durable-events');
  const reads = 'argument.data.userId';
  return makeListener({ ...handlers, types, calling, reads, decorate: (type) => OnEvent(type) });
}

/** An application with `@nestjs/event-emitter`. */
export async function nestEmitter({
  wildcard,
  calling = true,
  ...handlers
}: HandlerSetup & { readonly wildcard: boolean }): Promise<Emitter> {
  const { EventEmitter2, EventEmitterModule, OnEvent } = await import('@nestjs/event-emitter');
  const { listener, tally } = makeListener({
    ...handlers,
    types: EVENT_TYPES,
    calling,
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
