import type { ModuleMetadata, Type } from '@nestjs/common';
import type { EventBackend } from './backends/backend.js';
import type { DeadLetterStore } from './dead-letters/dead-letter.js';
import type { EmitMiddleware, EventMiddleware } from './dispatch/middleware.js';
import type { ResolvedRetryPolicy, RetryPolicy } from './dispatch/retry-policy.js';
import type { EventErrorNotice } from './error-stream.js';
import type { EventDefinition } from './schema/define-event.js';

/** Kinds of Nest enhancers that can be put around handlers. */
export type EnhancerKind = 'guards' | 'interceptors' | 'pipes' | 'filters';

/** Every {@link EnhancerKind}. @internal */
export const ENHANCER_KINDS: readonly EnhancerKind[] = ['guards', 'interceptors', 'pipes', 'filters'];

/** Options of `EventsModule.forRoot()`. Everything has a default. */
export interface EventsModuleOptions {
  /** What carries `emitAsync` events. Default: a `MemoryBackend` with 10 workers and a queue of 1000. */
  readonly backend?: EventBackend;
  /** Name of this bus, for `@OnEvent(…, { bus })` and `@InjectEventBus(name)`. Default: the unnamed bus. */
  readonly name?: string;
  /** Name of this service: the `source` of its events and, for backends, its consumer group. Default `app`. */
  readonly source?: string;
  /** Whether `EventBus` can be injected everywhere without importing the module. Default true. */
  readonly isGlobal?: boolean;
  /** Start consuming when the application has bootstrapped. `false`: call `bus.start()`. Default true. */
  readonly autoStart?: boolean;
  /** How long shutdown waits for running handlers, in milliseconds. Default 25,000. */
  readonly drainTimeoutMs?: number;
  /** Around every handler; or around emitting and handling apart. */
  readonly middleware?:
    | readonly EventMiddleware[]
    | { readonly emit?: readonly EmitMiddleware[]; readonly handle?: readonly EventMiddleware[] };
  /** Where dead letters are kept. Default: the backend's own storage, else this process's memory. */
  readonly deadLetters?: DeadLetterStore;
  /** Definitions whose schema applies although no handler of this process names them. */
  readonly schemas?: readonly EventDefinition[];
  /** Retry policy of handlers that have none of their own, or parts of it. */
  readonly retry?: number | RetryPolicy | false;
  /** A guard against leaks. Default 100. */
  readonly maxHandlersPerEvent?: number;
  /** Collect `emitAsync` events and publish them together: up to `size`, or `maxDelayMs` after the first. */
  readonly batching?: { readonly size: number; readonly maxDelayMs: number };
  /** Notices kept for each slow reader of `bus.errors`. Default 100. */
  readonly errorBufferSize?: number;
  /** Which Nest enhancers run around handlers. Default none. */
  readonly enhancers?: readonly EnhancerKind[];
  /** One class provided by two modules: register the first and warn, register all, or refuse to boot. Default `first`. */
  readonly duplicates?: 'first' | 'all' | 'error';
  /** Link events to the event whose handler emitted them. Default true. */
  readonly correlation?: boolean;
  /** Called for every notice of `bus.errors`. Must not throw. */
  readonly onError?: (notice: EventErrorNotice) => void;
}

/** Makes the options of `forRootAsync({ useClass })`. */
export interface EventsOptionsFactory {
  createEventsOptions(): EventBackend | EventsModuleOptions | Promise<EventBackend | EventsModuleOptions>;
}

/** Options of `EventsModule.forRootAsync()`. One of `useFactory`, `useClass` and `useExisting` is needed. */
export interface EventsModuleAsyncOptions extends Pick<EventsModuleOptions, 'name' | 'isGlobal'> {
  readonly imports?: ModuleMetadata['imports'];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Nest's own factory providers
  readonly inject?: any[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Nest's own factory providers
  readonly useFactory?: (...args: any[]) => ReturnType<EventsOptionsFactory['createEventsOptions']>;
  readonly useClass?: Type<EventsOptionsFactory>;
  readonly useExisting?: Type<EventsOptionsFactory> | string | symbol;
}

/** Options with every default filled in. @internal */
export interface ResolvedEventsOptions
  extends
    Omit<
      Required<EventsModuleOptions>,
      'middleware' | 'retry' | 'deadLetters' | 'batching' | 'name' | 'onError'
    >,
    Pick<EventsModuleOptions, 'deadLetters' | 'batching' | 'onError' | 'name'> {
  readonly emitMiddleware: readonly EmitMiddleware[];
  readonly handleMiddleware: readonly EventMiddleware[];
  readonly retry: ResolvedRetryPolicy;
}
