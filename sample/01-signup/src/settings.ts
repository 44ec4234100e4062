import { z } from 'zod';
import { readEnvironment } from './environment.js';

const share = z.coerce
  .number('must be a number from 0 to 1')
  .min(0, 'must be 0 or more')
  .max(1, 'must be 1 or less');
const count = (least: number) => {
  const rule = `must be a whole number from ${least}`;
  return z.coerce.number(rule).int(rule).min(least, rule);
};

const Environment = z.object({
  PORT: count(0).max(65_535, 'must be 65535 or less').default(3000),
  DATA_DIR: z.string().min(1).optional(),
  SIGNUPS_PER_MINUTE: count(1).default(20),
  CRM_FAILURE_RATE: share.default(0.2),
  CRM_LATENCY_MS: count(0).default(5),
});

/** What the sample can be told from outside, beside what carries its events. Doubles as its injection token. */
export abstract class Settings {
  abstract readonly port: number;
  /** Folder of everything that the sample writes. */
  abstract readonly dataDir: string;
  /** Sign-ups that one client may ask for in a minute. */
  abstract readonly signupsPerMinute: number;
  /** Share of calls that the CRM fails, 0 to 1. */
  abstract readonly crmFailureRate: number;
  abstract readonly crmLatencyMs: number;
}

/**
 * @param dataDir The folder unless the environment names one.
 * @throws {SetupError} naming every variable that cannot be used.
 */
export function readSettings(environment: NodeJS.ProcessEnv, dataDir: string): Settings {
  const data = readEnvironment(Environment, environment);
  return {
    port: data.PORT,
    dataDir: data.DATA_DIR ?? dataDir,
    signupsPerMinute: data.SIGNUPS_PER_MINUTE,
    crmFailureRate: data.CRM_FAILURE_RATE,
    crmLatencyMs: data.CRM_LATENCY_MS,
  };
}
