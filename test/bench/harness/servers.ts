import { startRedis } from '../../support/services/redis-server.js';

/** Servers that tables can ask for. */
const STARTS: Readonly<Record<string, () => ReturnType<typeof startRedis>>> = {
  redis: () => startRedis({ args: ['--appendonly', 'no'] }),
  'redis-fsync-always': () => startRedis({ appendfsync: 'always' }),
};

/**
 * Starts private servers, lets them be used, and stops them.
 *
 * @throws Error when one cannot be started.
 */
export async function withServers<T>(
  names: readonly string[],
  use: (urls: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const [name, ...others] = names;
  if (name === undefined) return use({});
  const server = await STARTS[name]!();
  try {
    if (server.pid === undefined)
      throw new Error('REDIS_URL is set, but benchmarks need servers of their own: unset it.');
    return await withServers(others, (urls) => use({ ...urls, [name]: server.url }));
  } finally {
    await server.stop();
  }
}
