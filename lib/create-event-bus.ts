import type { EventBackend } from './backends/backend.js';
import { MemoryBackend } from './backends/memory/memory-backend.js';
import { EventBus } from './event-bus.js';
import type { EventsModuleOptions } from './events-options.js';
import { resolveOptions } from './resolve-options.js';

/**
 * Makes a bus without Nest, for scripts and for tests of backends. Handlers are added with `bus.on()`; call
 * `start()` to consume and `close()` in the end.
 *
 * @param options As for `EventsModule.forRoot()`; those that concern the module have no effect.
 * @throws {EventConfigurationError} naming the option that cannot be used.
 */
export function createEventBus(options?: EventBackend | EventsModuleOptions): EventBus {
  const bus = new EventBus(resolveOptions(options, () => new MemoryBackend()));
  bus.parts.lifecycle.ready();
  return bus;
}
