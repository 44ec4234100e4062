import { describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { WorkerClient } from '../../lib/backends/bullmq/worker-client.js';
import { waitFor } from '../support/wait-for.js';
import { useBullMQ } from './use-bullmq.js';

describe('BullMQ: the clients of a worker', () => {
  const bullmq = useBullMQ();

  it('open no connection once they are closed, also when BullMQ is still about to repair one', async () => {
    const { client } = bullmq.test;
    const connections = async () => ((await client.client('LIST')) as string).trim().split('\n').length;
    await client.ping();
    const before = await connections();
    const clients = new WorkerClient(client);
    const blocking = (clients.client as Redis).duplicate();
    await waitFor(async () => (await connections()) === before + 2);
    clients.close();
    await expect(blocking.connect()).rejects.toThrow('Connection is closed.');
    await expect(clients.client.connect()).rejects.toThrow('Connection is closed.');
    await waitFor(async () => (await connections()) === before);
  });
});
