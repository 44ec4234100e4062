import { describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  type EmitStep,
  type EventBackend,
  EventConfigurationError,
  type EventHandler,
  type EventsModuleOptions,
  MemoryBackend,
} from 'nestjs-durable-events';
import { resolveOptions } from '../../lib/resolve-options.js';

const resolve = (given?: EventBackend | EventsModuleOptions) =>
  resolveOptions(given, () => new MemoryBackend());

describe('options', () => {
  it('all have defaults', () => {
    expect(resolve()).toMatchObject({
      source: 'app',
      isGlobal: true,
      autoStart: true,
      drainTimeoutMs: 25_000,
      maxHandlersPerEvent: 100,
      errorBufferSize: 100,
      enhancers: [],
      duplicates: 'first',
      correlation: true,
      retry: { maxRetries: 3 },
    });
    expect(resolve().backend).toBeInstanceOf(MemoryBackend);
  });

  it('may be a backend alone, and may leave fields undefined', () => {
    const backend = new MemoryBackend();
    expect(resolve(backend).backend).toBe(backend);
    expect(resolve({ backend, source: undefined, middleware: undefined }).source).toBe('app');
  });

  it('take one list of middleware for handling, or both', () => {
    const handle = [(next: EventHandler) => next];
    const emit = [(next: EmitStep) => next];
    expect(resolve({ middleware: handle })).toMatchObject({ handleMiddleware: handle, emitMiddleware: [] });
    expect(resolve({ middleware: { emit } })).toMatchObject({ handleMiddleware: [], emitMiddleware: emit });
  });

  it.each<[unknown, string]>([
    [{ drainTimeoutMs: -1 }, 'drainTimeoutMs = -1, but it must be a whole number from 0'],
    [{ maxHandlersPerEvent: 0 }, 'maxHandlersPerEvent = 0'],
    [{ errorBufferSize: 1.5 }, 'errorBufferSize = 1.5'],
    [{ batching: { size: 0, maxDelayMs: 1 } }, 'batching.size = 0'],
    [{ batching: { size: 1 } }, 'batching.maxDelayMs = NaN, but it must be a whole number from 0'],
    [{ source: '' }, 'but it must be a non-empty string'],
    [{ name: 7 }, 'name = 7'],
    [
      { enhancers: ['guard'] },
      'enhancers = guard, but it must be one of guards, interceptors, pipes, filters',
    ],
    [{ duplicates: 'second' }, 'duplicates = second, but it must be one of first, all, error'],
    [{ retry: -1 }, 'EventsModule has retry.maxRetries = -1'],
    [{ backand: {} }, "was given the option 'backand', which it does not know. It knows backend, name"],
    [
      { backend: { name: 'x', publish: () => undefined } },
      'The backend given to EventsModule has no close() method.',
    ],
    [
      { backend: { publish: () => undefined, close: () => undefined } },
      'has no name; give it a short, stable one',
    ],
    [
      'redis://localhost',
      'takes a backend, an object of options or nothing, but was given redis://localhost',
    ],
  ])('%j are refused', (given, message) => {
    expect(() => resolve(given as EventsModuleOptions)).toThrow(EventConfigurationError);
    expect(() => resolve(given as EventsModuleOptions)).toThrow(message);
  });

  it.each<[string, object, string]>([
    ['priority', { priority: NaN }, 'has priority NaN, but it must be a number'],
    ['timeoutMs', { timeoutMs: 0 }, 'has timeoutMs = 0, but it must be a number of milliseconds above 0'],
    ['retry', { retry: { jitter: 3 } }, 'has retry.jitter = 3'],
  ])('of a handler are refused with its name: %s', (_, options, message) => {
    expect(() => createEventBus().on('x', () => undefined, { id: 'me', ...options })).toThrow(
      `Handler 'me' (added by on()) ${message}`,
    );
  });

  it('a broadcast handler is refused where the backend cannot broadcast', () => {
    const backend: EventBackend = {
      name: 'narrow',
      publish: async () => undefined,
      subscribe: async () => undefined,
      close: async () => undefined,
    };
    expect(() => createEventBus(backend).on('x', () => undefined, { broadcast: true })).toThrow(
      "the backend 'narrow' cannot deliver an event to every process",
    );
    createEventBus().on('x', () => undefined, { broadcast: true });
  });
});
