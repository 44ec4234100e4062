import type { RedisConnection } from '../../clients/redis/connection.js';
import { EventConfigurationError } from '../../errors.js';

/** What is wrong with how the server keeps its data, if anything. */
export async function durabilityProblem(connection: RedisConnection): Promise<Error | undefined> {
  const client = await connection.open();
  let info: string;
  try {
    info = await client.info('persistence');
  } catch (error) {
    // A user without the right to ask is taken at its word.
    if ((error as Error).message.startsWith('NOPERM')) return undefined;
    throw error;
  }
  if (!/^aof_enabled:0/m.test(info)) return undefined;
  return new EventConfigurationError(
    `Redis keeps no append-only file: when it stops, events since its last snapshot, if it makes any, are lost. ` +
      `Set 'appendonly' to 'yes', and 'appendfsync' to 'always' where no confirmed event may be lost.`,
  );
}
