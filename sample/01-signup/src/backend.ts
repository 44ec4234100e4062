import { type EventBackend, MemoryBackend } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import type { Settings } from './settings.js';

/** Who emits: it decides what happens when the memory queue is full. */
export type Source = 'http' | 'file';

/** The one place that knows what carries the events. */
export function backendFor({ redisUrl, namespace }: Settings, source: Source): EventBackend {
  if (redisUrl !== undefined) return new RedisStreamsBackend({ connection: redisUrl, namespace });
  // A file can wait until there is room. A browser should not: it is told at once, and still has its form to send.
  return new MemoryBackend({ overflow: source === 'file' ? 'wait' : 'reject' });
}
