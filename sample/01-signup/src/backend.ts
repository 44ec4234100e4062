import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type EventBackend, MemoryBackend } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { z } from 'zod';
import { readEnvironment } from './environment.js';
import type { Use } from './program.js';
import { SetupError } from './setup-error.js';

const Environment = z.object({
  EVENTS_BACKEND: z
    .enum(['sqlite', 'memory', 'redis'], "must be 'sqlite', 'memory' or 'redis'")
    .default('sqlite'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a URL such as redis://localhost:6379' })
    .optional(),
  EVENTS_NAMESPACE: z.string().min(1).default('signup'),
});

/** The one place that knows what carries the events. */
export function backendFor(environment: NodeJS.ProcessEnv, { source, dataDir }: Use): EventBackend {
  const {
    EVENTS_BACKEND: backend,
    REDIS_URL: redisUrl,
    EVENTS_NAMESPACE: namespace,
  } = readEnvironment(Environment, environment);
  switch (backend) {
    case 'sqlite':
      mkdirSync(dataDir, { recursive: true });
      // The lease is how long a start after a crash waits for what the crashed process had in hand.
      return new SqliteBackend({ connection: join(dataDir, 'events.db'), namespace, leaseMs: 10_000 });
    case 'redis':
      if (redisUrl !== undefined) return new RedisStreamsBackend({ connection: redisUrl, namespace });
      throw new SetupError(
        'EVENTS_BACKEND=redis needs REDIS_URL, such as REDIS_URL=redis://localhost:6379. The sample starts no Redis itself.',
      );
    case 'memory':
      // A file can wait until there is room. A browser should not: it is told at once, and still has its form to send.
      return new MemoryBackend({ overflow: source === 'file' ? 'wait' : 'reject' });
  }
}
