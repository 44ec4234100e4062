import { join } from 'node:path';
import { z } from 'zod';
import { SetupError } from './setup-error.js';

const share = z.coerce
  .number('must be a number from 0 to 1')
  .min(0, 'must be 0 or more')
  .max(1, 'must be 1 or less');
const count = (least: number) => {
  const rule = `must be a whole number from ${least}`;
  return z.coerce.number(rule).int(rule).min(least, rule);
};

const Environment = z.object({
  EVENTS_BACKEND: z.enum(['memory', 'redis'], "must be 'memory' or 'redis'").default('memory'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a URL such as redis://localhost:6379' })
    .optional(),
  EVENTS_NAMESPACE: z.string().min(1).default('signup'),
  PORT: count(0).max(65_535, 'must be 65535 or less').default(3000),
  DATA_DIR: z
    .string()
    .min(1)
    .default(join(import.meta.dirname, '../var')),
  SIGNUPS_PER_MINUTE: count(1).default(20),
  CRM_FAILURE_RATE: share.default(0.2),
  CRM_LATENCY_MS: count(0).default(5),
});

/** What the sample can be told from outside. Doubles as its injection token. */
export abstract class Settings {
  /** Where Redis is; `undefined` keeps events in memory. */
  abstract readonly redisUrl: string | undefined;
  /** First part of every key in Redis. */
  abstract readonly namespace: string;
  abstract readonly port: number;
  /** Folder of everything that the sample writes. */
  abstract readonly dataDir: string;
  /** Sign-ups that one client may ask for in a minute. */
  abstract readonly signupsPerMinute: number;
  /** Share of calls that the CRM fails, 0 to 1. */
  abstract readonly crmFailureRate: number;
  abstract readonly crmLatencyMs: number;
}

/** @throws {SetupError} naming every variable that cannot be used. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const { success, data, error } = Environment.safeParse(environment);
  if (!success) {
    throw new SetupError(error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`).join('\n'));
  }
  const onRedis = data.EVENTS_BACKEND === 'redis';
  if (onRedis && data.REDIS_URL === undefined) {
    throw new SetupError(
      'EVENTS_BACKEND=redis needs REDIS_URL, such as REDIS_URL=redis://localhost:6379. The sample starts no Redis itself.',
    );
  }
  return {
    redisUrl: onRedis ? data.REDIS_URL : undefined,
    namespace: data.EVENTS_NAMESPACE,
    port: data.PORT,
    dataDir: data.DATA_DIR,
    signupsPerMinute: data.SIGNUPS_PER_MINUTE,
    crmFailureRate: data.CRM_FAILURE_RATE,
    crmLatencyMs: data.CRM_LATENCY_MS,
  };
}
