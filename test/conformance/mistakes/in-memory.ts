import type { EventBackend } from 'nestjs-durable-events';
import { altered } from './altered.js';

/** Holds delayed events back in this process. */
export function delayingInMemory(inner: EventBackend): EventBackend {
  const timers = new Set<NodeJS.Timeout>();
  return altered<EventBackend>(inner, {
    publish: async (event, options) => {
      if (!options?.delayMs) return inner.publish(event, options);
      timers.add(setTimeout(() => void inner.publish(event).catch(() => undefined), options.delayMs));
    },
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      return inner.close();
    },
  });
}

/** Looks for duplicates of what this process published. */
export function rememberingInMemory(inner: EventBackend): EventBackend {
  const seen = new Set<string>();
  return altered<EventBackend>(inner, {
    publish: async (event) => {
      const duplicate = seen.has(event.id);
      seen.add(event.id);
      if (!duplicate) await inner.publish(event);
      return { duplicate };
    },
  });
}
