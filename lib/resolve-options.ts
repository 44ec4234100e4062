import { DEFAULT_SOURCE } from './event.js';
import type { EventBackend } from './backends/backend.js';
import { resolveCircuitBreaker } from './dispatch/circuit-breaker-options.js';
import { DEFAULT_RETRY_POLICY, resolveRetryPolicy } from './dispatch/retry-policy.js';
import { EventConfigurationError } from './errors.js';
import { ENHANCER_KINDS, type EventsModuleOptions, type ResolvedEventsOptions } from './events-options.js';
import { resolveInbox } from './inbox/inbox-options.js';
import { resolveSchemas } from './schema/schema-options.js';
import type { RecordingOptions } from './store/recording/recording-options.js';

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
    inbox: true,
    store: true,
    schemas: true,
    retry: true,
    circuitBreaker: true,
    maxHandlersPerEvent: true,
    batching: true,
    ordering: true,
    publishTimeoutMs: true,
    abortGraceMs: true,
    errorBufferSize: true,
    enhancers: true,
    duplicates: true,
    correlation: true,
    onError: true,
    onDeadLetter: true,
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
  assertWholeNumber('abortGraceMs', options.abortGraceMs, 0);
  assertWholeNumber('publishTimeoutMs', options.publishTimeoutMs, 1);
  assertWholeNumber('maxHandlersPerEvent', options.maxHandlersPerEvent, 1);
  assertWholeNumber('errorBufferSize', options.errorBufferSize, 1);
  if (options.batching !== undefined) {
    assertWholeNumber('batching.size', options.batching.size ?? NaN, 1);
    assertWholeNumber('batching.maxDelayMs', options.batching.maxDelayMs ?? NaN, 0);
  }
  assertText('source', options.source);
  assertText('name', options.name);
  assertFunction('onDeadLetter', options.onDeadLetter);
  for (const kind of options.enhancers ?? []) assertOneOf('enhancers', kind, ENHANCER_KINDS);
  assertOneOf('duplicates', options.duplicates ?? 'first', ['first', 'all', 'error']);
  assertOneOf('ordering.onFailure', options.ordering?.onFailure ?? 'block-key', ['block-key', 'skip']);
  const backend = assertBackend(options.backend) ?? defaultBackend();
  if (options.ordering !== undefined) assertCanOrder(backend);
  return {
    backend,
    name: options.name,
    source: options.source ?? DEFAULT_SOURCE,
    isGlobal: options.isGlobal ?? true,
    autoStart: options.autoStart ?? true,
    drainTimeoutMs: options.drainTimeoutMs ?? 25_000,
    emitMiddleware: parts.emit ?? [],
    handleMiddleware: parts.handle ?? [],
    deadLetters: options.deadLetters,
    inbox: resolveInbox(options.inbox, backend),
    store: resolveStore(options.store),
    schemas: resolveSchemas(options.schemas),
    retry: resolveRetryPolicy(options.retry, DEFAULT_RETRY_POLICY, 'EventsModule'),
    circuitBreaker: resolveCircuitBreaker(options.circuitBreaker, undefined, 'EventsModule'),
    maxHandlersPerEvent: options.maxHandlersPerEvent ?? 100,
    batching: options.batching,
    ordering: options.ordering,
    publishTimeoutMs: options.publishTimeoutMs,
    abortGraceMs: options.abortGraceMs ?? 3000,
    errorBufferSize: options.errorBufferSize ?? 100,
    enhancers: options.enhancers ?? [],
    duplicates: options.duplicates ?? 'first',
    correlation: options.correlation ?? true,
    onError: options.onError,
    onDeadLetter: options.onDeadLetter,
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

/** What else the options say, the store itself checks. */
function resolveStore(given: EventsModuleOptions['store']): RecordingOptions | undefined {
  if (given === undefined) return undefined;
  const options = given !== null && typeof given === 'object' && 'store' in given ? given : { store: given };
  if (typeof options.store?.recorder === 'function') return options;
  throw refused(
    'store',
    given,
    `an event store, such as PostgresEventStore, or an object with one as its 'store'`,
  );
}

function assertCanOrder({ name, capabilities }: EventBackend): void {
  if (capabilities?.ordering) return;
  throw new EventConfigurationError(
    `EventsModule was given 'ordering', but the backend '${name}' cannot handle the events of a key in order. Remove 'ordering', or use a backend with that capability, such as MemoryBackend or RedisStreamsBackend.`,
  );
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

function assertFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw refused(option, value, 'a function');
}

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw refused(option, value, `one of ${allowed.join(', ')}`);
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `EventsModule was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
