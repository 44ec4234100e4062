import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisEventStore } from 'nestjs-durable-events/redis';
import { ACQUIRE } from '../../lib/store/redis/scripts/checkpoints.js';
import { loseTheAnswer } from '../support/lost-answer.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

describe('RedisEventStore: a call whose answer was lost, so that it is sent again', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('gives a checkpoint to who asked for it, and to nobody else', async () => {
    const client = new Redis(server.url);
    const store = new RedisEventStore({ connection: client, namespace: randomUUID() });
    const lost = loseTheAnswer(client, ([sha]) => sha === ACQUIRE.sha);
    const lease = await store.checkpoints.acquire('reader', 60_000);
    expect(lost()).toBe(true);
    expect(lease).toBeDefined();
    expect(await store.checkpoints.acquire('reader', 60_000)).toBeUndefined();
    await lease!.save({ position: '1' });
    await lease!.release();
    expect(await store.checkpoints.acquire('reader', 60_000)).toMatchObject({
      checkpoint: { position: '1' },
    });
    await store.close();
    client.disconnect();
  });
});
