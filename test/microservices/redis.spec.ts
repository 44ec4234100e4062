import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Transport } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { createEventBus } from 'nestjs-durable-events';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import { freePort } from '../support/free-port.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false); // the failures are meant

describeWithOwnRedis('MicroservicesBackend on Redis', () => {
  it('waits for a server that comes later, and leaves no connection of its tries behind', async () => {
    const port = await freePort();
    const bus = createEventBus(
      new MicroservicesBackend({
        transport: Transport.REDIS,
        options: { host: '127.0.0.1', port },
        group: 'g',
      }),
    );
    let calls = 0;
    let tries = 0;
    const refusing = createServer((socket) => (tries++, socket.destroy())).listen(port, '127.0.0.1');
    bus.on('x', () => void calls++);
    const started = bus.start();
    // Two connections each.
    await waitFor(() => tries >= 8, { message: 'four tries that failed' });
    refusing.close();
    await once(refusing, 'close');
    const server = await startRedis({ port });
    await started;
    await bus.emitAsync('x', 1);
    await waitFor(() => calls === 1);
    const observer = new Redis(server.url);
    const others = async () => {
      const list = String(await observer.client('LIST'));
      return list.trim().split('\n').length - 1;
    };
    // Two to listen and two to emit: so many has Nest.
    await waitFor(async () => (await others()) === 4, { message: 'four connections' });
    await bus.close();
    await waitFor(async () => (await others()) === 0, { message: 'no connection' });
    expect(calls).toBe(1);
    observer.disconnect();
    await server.stop();
  });
});
