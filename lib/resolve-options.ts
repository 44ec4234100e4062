import { DEFAULT_SOURCE } from './event.js';
import type { EventBackend } from './backends/backend.js';
import { DEFAULT_RETRY_POLICY, resolveRetryPolicy } from './dispatch/retry-policy.js';
import { EventConfigurationError } from './errors.js';
import { ENHANCER_KINDS, type EventsModuleOptions, type ResolvedEventsOptions } from './events-options.js';

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
    source: options.source ?? DEFAULT_SOURCE,
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
