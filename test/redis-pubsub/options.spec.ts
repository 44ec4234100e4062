import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus } from 'nestjs-durable-events';
import { RedisPubSubBackend, type RedisPubSubOptions } from 'nestjs-durable-events/redis';
import { freePort } from '../support/free-port.js';

Logger.overrideLogger(false); // the failures are meant

describe('options of RedisPubSubBackend', () => {
  it.each<[Partial<RedisPubSubOptions>, RegExp]>([
    [{ connection: '' }, /needs a 'connection'/],
    [{ namespace: 'a{b}' }, /'namespace' of RedisPubSubBackend is 'a\{b\}'/],
    [{ group: '' }, /'group' of RedisPubSubBackend is ''/],
    [{ distribution: 'all' as never }, /'distribution' .* is 'all'\. Set it to 'queue' or 'fan-out'/],
    [{ concurrency: 0 }, /'concurrency' .* is 0\. Set it to a whole number of at least 1/],
    [{ maxQueued: 1.5 }, /'maxQueued' .* is 1\.5/],
    [{ claimMs: 0 }, /'claimMs' .* is 0/],
    [{ publishTimeoutMs: Infinity }, /'publishTimeoutMs' .* is Infinity/],
    [{ connectTimeoutMs: -1 }, /'connectTimeoutMs' .* is -1/],
    [{ maxEventBytes: 0 }, /'maxEventBytes' .* is 0/],
  ])('%j is refused', (options, message) => {
    expect(() => new RedisPubSubBackend({ connection: 'redis://localhost', ...options })).toThrow(message);
  });

  it('a server that is not there fails the start and each publish in time, and shows no password', async () => {
    const backend = new RedisPubSubBackend({
      connection: `redis://user:top-secret@127.0.0.1:${await freePort()}`,
      group: 'orders',
      connectTimeoutMs: 300,
      publishTimeoutMs: 300,
    });
    const bus = createEventBus({ backend });
    const told: string[] = [];
    bus.errors.subscribe(({ error }) => void told.push(`${error.message} ${error.stack}`));
    bus.on('x', () => undefined);
    await expect(bus.start()).rejects.toThrow(/Redis did not answer within 300 ms/);
    await expect(bus.emitAsync('x', 1)).rejects.toThrow(/Redis did not confirm the event/);
    expect((await bus.health()).status).toBe('down');
    await bus.close();
    expect(told.join()).not.toMatch('top-secret');
  });
});
