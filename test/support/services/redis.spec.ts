import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { TestServer } from './private-server.js';
import { describeWithOwnRedis, startRedis, startRedisCluster } from './redis.js';

describeWithOwnRedis('a private Redis', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  /** One command on a connection of its own. */
  async function withClient<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(server.url, { maxRetriesPerRequest: 1 });
    client.on('error', () => undefined);
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  it('keeps what it confirmed over kill -9', async () => {
    await withClient((client) => client.set('kept', 'yes'));
    const before = server.pid;
    await server.kill9();
    expect(server.pid).toBeUndefined();
    await expect(withClient((client) => client.ping())).rejects.toThrow('max retries');
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await withClient((client) => client.get('kept'))).toBe('yes');
  });

  it('answers nothing while paused, and everything afterwards', async () => {
    await withClient(async (client) => {
      await client.ping();
      await server.pause();
      const state = execFileSync('ps', ['-o', 'stat=', '-p', String(server.pid)]).toString();
      expect(state).toMatch(/^T/);
      const pong = client.ping();
      await server.resume();
      expect(await pong).toBe('PONG');
    });
  });

  it('leaves neither process nor folder', async () => {
    const other = await startRedis();
    const { pid, dir } = other;
    await other.pause();
    await other.stop();
    expect(existsSync(dir)).toBe(false);
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
  });

  it('says what the server wrote when it cannot start', async () => {
    await expect(startRedis({ port: server.port })).rejects.toThrow('Address already in use');
    await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow('no-such-option');
  });

  it('can be a cluster, which refuses keys of different slots', async () => {
    const cluster = await startRedisCluster();
    const client = new Redis(cluster.url);
    await expect(client.mset('a', 1, 'b', 2)).rejects.toThrow('CROSSSLOT');
    expect(await client.mset('{x}a', 1, '{x}b', 2)).toBe('OK');
    client.disconnect();
    await cluster.stop();
  });
});
