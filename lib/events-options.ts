import type { ModuleMetadata, Type } from '@nestjs/common';
import type { EventBackend, KeyFailurePolicy } from './backends/backend.js';
import type { DeadLetter, DeadLetterStore } from './dead-letters/dead-letter.js';
import type { CircuitBreakerOptions, ResolvedCircuitBreaker } from './dispatch/circuit-breaker-options.js';
import type { EmitMiddleware, EventMiddleware } from './dispatch/middleware.js';
import type { ResolvedRetryPolicy, RetryPolicy } from './dispatch/retry-policy.js';
import type { EventErrorNotice } from './error-stream.js';
import type { InboxOptions, ResolvedInbox } from './inbox/inbox-options.js';
import type { InboxStore } from './inbox/inbox-store.js';
import type { ResolvedSchemas, SchemasOption } from './schema/schema-options.js';
import type { EventStore } from './store/event-store.js';
import type { RecordingOptions } from './store/recording/recording-options.js';

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
  /**
   * Remembers which handler has handled which event, so that one that is delivered twice has one effect. A store, or
   * one with other times. Default: none.
   */
  readonly inbox?: InboxStore | InboxOptions;
  /** Keeps for good what this bus emits. A store, or one with what it is to keep and how. Default: none. */
  readonly store?: EventStore | RecordingOptions;
  /**
   * Definitions that apply although no handler of this process names them, and what becomes of events that they do not
   * cover. A list of definitions, a `SchemaRegistry`, or an object with either and policies.
   */
  readonly schemas?: SchemasOption;
  /** Retry policy of handlers that have none of their own, or parts of it. */
  readonly retry?: number | RetryPolicy | false;
  /** Circuit breaker of handlers that have none of their own. `true` for the defaults. Default: none. */
  readonly circuitBreaker?: boolean | CircuitBreakerOptions;
  /** A guard against leaks. Default 100. */
  readonly maxHandlersPerEvent?: number;
  /** Collect `emitAsync` events and publish them together: up to `size`, or `maxDelayMs` after the first. */
  readonly batching?: { readonly size: number; readonly maxDelayMs: number };
  /** Notices kept for each slow reader of `bus.errors`. Default 100. */
  readonly errorBufferSize?: number;
  /**
   * What becomes of the later events of a key after one failed; given, it also refuses a backend that cannot keep
   * the order of a key. Default: `block-key`, where the backend keeps it.
   */
  readonly ordering?: { readonly onFailure?: KeyFailurePolicy };
  /**
   * Longest wait for the backend to confirm an event, in milliseconds; after it, `emitAsync` rejects and the event
   * may be stored or not. Default: the backend's own limit.
   */
  readonly publishTimeoutMs?: number;
  /** How long interrupted handlers have after `drainTimeoutMs` to come to an end, in milliseconds. Default 3000. */
  readonly abortGraceMs?: number;
  /** Which Nest enhancers run around handlers. Default none. */
  readonly enhancers?: readonly EnhancerKind[];
  /** One class provided by two modules: register the first and warn, register all, or refuse to boot. Default `first`. */
  readonly duplicates?: 'first' | 'all' | 'error';
  /** Link events to the event whose handler emitted them. Default true. */
  readonly correlation?: boolean;
  /** Called for every notice of `bus.errors`. Must not throw. */
  readonly onError?: (notice: EventErrorNotice) => void;
  /**
   * Called for each dead letter when it is decided and about to be stored, in the process that decided it: for a
   * handler out of tries, for an event that was refused as a whole, and for an entry that a retry brings back. Not
   * waited for, so it holds up no delivery; what it throws or rejects with is reported to `bus.errors`. A process that
   * dies before the entry is stored may have called it already, and the next one calls it again.
   */
  readonly onDeadLetter?: (entry: DeadLetter) => void | Promise<void>;
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
      | 'middleware'
      | 'retry'
      | 'deadLetters'
      | 'batching'
      | 'name'
      | 'onError'
      | 'onDeadLetter'
      | 'ordering'
      | 'publishTimeoutMs'
      | 'inbox'
      | 'circuitBreaker'
      | 'schemas'
      | 'store'
    >,
    Pick<
      EventsModuleOptions,
      'deadLetters' | 'batching' | 'onError' | 'onDeadLetter' | 'name' | 'ordering' | 'publishTimeoutMs'
    > {
  readonly emitMiddleware: readonly EmitMiddleware[];
  readonly handleMiddleware: readonly EventMiddleware[];
  readonly retry: ResolvedRetryPolicy;
  readonly schemas: ResolvedSchemas;
  readonly inbox: ResolvedInbox | undefined;
  readonly store: RecordingOptions | undefined;
  readonly circuitBreaker: ResolvedCircuitBreaker | undefined;
}
