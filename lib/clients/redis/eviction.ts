import { EventConfigurationError } from '../../errors.js';
import type { RedisConnection } from './connection.js';

/** What is wrong with how the server uses its memory, if anything: a server that evicts keys loses events. */
export async function evictionProblem(connection: RedisConnection): Promise<Error | undefined> {
  const client = await connection.open();
  let info: string;
  try {
    info = await client.info('memory');
  } catch (error) {
    // A user without the right to ask is taken at its word.
    if ((error as Error).message.startsWith('NOPERM')) return undefined;
    throw error;
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy === undefined || policy === 'noeviction') return undefined;
  return new EventConfigurationError(
    `Redis has the maxmemory-policy '${policy}' and may evict whole streams of events when memory is short. ` +
      "Set it to 'noeviction'.",
  );
}
