import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Transport } from '@nestjs/microservices';
import { connectAsync } from 'mqtt';
import { createEventBus } from 'nestjs-durable-events';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import { startMosquitto } from '../support/services/mosquitto.js';
import type { TestServer } from '../support/services/private-server.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false); // the failures are meant

describe('MicroservicesBackend on MQTT', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startMosquitto();
  });
  afterAll(() => server.stop());

  it('refuses what the broker did not confirm before the connection was lost, and does not send it again', async () => {
    const seen: string[] = [];
    const listener = await connectAsync(server.url);
    listener.on(
      'message',
      (_, message) => void seen.push((JSON.parse(message.toString()) as Packet).data.id),
    );
    await listener.subscribeAsync('#');
    const proxy = await startTcpProxy(server.port);
    const bus = createEventBus(
      new MicroservicesBackend({
        transport: Transport.MQTT,
        options: { url: proxy.inFrontOf(server.url) },
        group: 'orders',
      }),
    );
    try {
      await bus.emitAsync('x', 1, { id: 'before' });
      proxy.loseAnswers();
      const unconfirmed = bus.emitAsync('x', 1, { id: 'unconfirmed' });
      await waitFor(() => seen.includes('unconfirmed'));
      proxy.cut();
      await expect(unconfirmed).rejects.toThrow(/did not take the event/);
      const confirmed = () =>
        bus.emitAsync('x', 1, { id: 'after' }).then(
          () => true,
          () => false,
        );
      await waitFor(confirmed, { timeoutMs: 10_000, message: 'a connection' });
      await waitFor(() => seen.includes('after'));
      expect(seen.filter((id) => id === 'unconfirmed')).toHaveLength(1);
    } finally {
      await bus.close();
      await proxy.close();
      await listener.endAsync();
    }
  });
});

interface Packet {
  readonly data: { readonly id: string };
}
