import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { RedisConnection } from '../../lib/clients/redis/connection.js';
import { script } from '../../lib/clients/redis/script.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';

const APPEND = script("return redis.call('RPUSH', KEYS[1], ARGV[1])");

describeWithOwnRedis('a script', () => {
  let server: TestServer;
  let connection: RedisConnection;
  beforeAll(async () => {
    server = await startRedis();
    connection = new RedisConnection(server.url, 'This test', () => undefined);
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  async function appendThousand(): Promise<void> {
    const client = await connection.ready();
    await client.del('numbers');
    const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
    await Promise.all(
      numbers.map(async (number, i) => {
        // Several turns of the event loop, so that runs meet the answers of those before.
        for (let turn = 0; turn < i / 50; turn++) await new Promise((resolve) => setImmediate(resolve));
        await connection.run(APPEND, ['numbers'], [number]);
      }),
    );
    expect(await client.lrange('numbers', 0, -1)).toEqual(numbers);
    expect(await client.info('errorstats')).not.toContain('NOSCRIPT');
  }

  it('is known to a server before its first run there, so that no run is overtaken by a later one', async () => {
    await appendThousand();
    await server.kill9();
    await server.restart(); // which has forgotten its scripts
    await waitFor(() => connection.usable !== undefined);
    await appendThousand();
  });
});
