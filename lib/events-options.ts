import type { ModuleMetadata, Type } from '@nestjs/common';
import type { EventBackend } from './backends/backend.js';
import type { DeadLetterStore } from './dead-letters/dead-letter.js';
import type { EmitMiddleware, EventMiddleware } from './dispatch/middleware.js';
import {
  DEFAULT_RETRY_POLICY,
  resolveRetryPolicy,
  type ResolvedRetryPolicy,
  type RetryPolicy,
} from './dispatch/retry-policy.js';
import type { EventErrorNotice } from './error-stream.js';
import { EventConfigurationError } from './errors.js';
import type { EventDefinition } from './schema/define-event.js';

const ENHANCER_KINDS = ['guards', 'interceptors', 'pipes', 'filters'] as const;

/** Kinds of Nest enhancers that can be put around handlers. */
export type EnhancerKind = (typeof ENHANCER_KINDS)[number];

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

/** Every option once, which the compiler sees to: a misspelt one is refused, not ignored. */
const OPTIONS: ReadonlySet<string> = new Set(
  Object.keys({
    backend: true,
    name: true,
    source: true,
    isGlobal: true,
    autoStart: true,
    drainTimeoutMs: true,
    middleware: true,
    deadLetters: true,
    schemas: true,
    retry: true,
    maxHandlersPerEvent: true,
    batching: true,
    errorBufferSize: true,
    enhancers: true,
    duplicates: true,
    correlation: true,
    onError: true,
  } satisfies Record<keyof EventsModuleOptions, true>),
);

export function isBackend(value: EventBackend | EventsModuleOptions): value is EventBackend {
  return typeof (value as EventBackend | undefined)?.publish === 'function';
}

/** @throws {EventConfigurationError} naming the option that cannot be used. @internal */
export function resolveOptions(
  given: EventBackend | EventsModuleOptions | undefined,
  defaultBackend: () => EventBackend,
): ResolvedEventsOptions {
  const options = optionsOf(given);
  const { middleware = [] } = options;
  const parts = 'map' in middleware ? { handle: middleware } : middleware;
  assertWholeNumber('drainTimeoutMs', options.drainTimeoutMs, 0);
  assertWholeNumber('maxHandlersPerEvent', options.maxHandlersPerEvent, 1);
  assertWholeNumber('errorBufferSize', options.errorBufferSize, 1);
  if (options.batching !== undefined) {
    assertWholeNumber('batching.size', options.batching.size ?? NaN, 1);
    assertWholeNumber('batching.maxDelayMs', options.batching.maxDelayMs ?? NaN, 0);
  }
  assertText('source', options.source);
  assertText('name', options.name);
  for (const kind of options.enhancers ?? []) assertOneOf('enhancers', kind, ENHANCER_KINDS);
  assertOneOf('duplicates', options.duplicates ?? 'first', ['first', 'all', 'error']);
  return {
    backend: assertBackend(options.backend) ?? defaultBackend(),
    name: options.name,
    source: options.source ?? 'app',
    isGlobal: options.isGlobal ?? true,
    autoStart: options.autoStart ?? true,
    drainTimeoutMs: options.drainTimeoutMs ?? 25_000,
    emitMiddleware: parts.emit ?? [],
    handleMiddleware: parts.handle ?? [],
    deadLetters: options.deadLetters,
    schemas: options.schemas ?? [],
    retry: resolveRetryPolicy(options.retry, DEFAULT_RETRY_POLICY, 'EventsModule'),
    maxHandlersPerEvent: options.maxHandlersPerEvent ?? 100,
    batching: options.batching,
    errorBufferSize: options.errorBufferSize ?? 100,
    enhancers: options.enhancers ?? [],
    duplicates: options.duplicates ?? 'first',
    correlation: options.correlation ?? true,
    onError: options.onError,
  };
}

function optionsOf(given: EventBackend | EventsModuleOptions | undefined): EventsModuleOptions {
  if (given === undefined) return {};
  if (given === null || typeof given !== 'object') {
    throw new EventConfigurationError(
      `EventsModule takes a backend, an object of options or nothing, but was given ${String(given)}.`,
    );
  }
  if (isBackend(given)) return { backend: given };
  for (const option of Object.keys(given)) {
    if (OPTIONS.has(option) || given[option as keyof EventsModuleOptions] === undefined) continue;
    throw new EventConfigurationError(
      `EventsModule was given the option '${option}', which it does not know. It knows ${[...OPTIONS].join(', ')}.`,
    );
  }
  return given;
}

function assertBackend(backend: EventBackend | undefined): EventBackend | undefined {
  if (backend === undefined) return undefined;
  for (const member of ['publish', 'close'] as const) {
    if (typeof backend[member] !== 'function') {
      throw new EventConfigurationError(
        `The backend given to EventsModule has no ${member}() method. A backend has name, publish(), close() and, to consume, subscribe().`,
      );
    }
  }
  if (typeof backend.name !== 'string' || backend.name === '') {
    throw new EventConfigurationError(
      `The backend given to EventsModule has no name; give it a short, stable one.`,
    );
  }
  return backend;
}

function assertWholeNumber(option: string, value: number | undefined, least: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
    throw refused(option, value, `a whole number from ${least}`);
  }
}

function assertText(option: string, value: string | undefined): void {
  if (value !== undefined && (typeof value !== 'string' || value === '')) {
    throw refused(option, value, 'a non-empty string');
  }
}

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw refused(option, value, `one of ${allowed.join(', ')}`);
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `EventsModule was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
