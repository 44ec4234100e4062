import { Transport } from '@nestjs/microservices';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import { nestTransport } from '../nest-application.js';
import { withChannel } from '../rabbitmq/remove.js';

const GROUP = 'bench';
const COMMON = { group: GROUP, concurrency: 100, maxQueued: 100_000 };

/** Over channels of Redis: what nobody hears is gone. */
export const oursOverNestRedis = nestTransport({
  backend: ({ url }) => {
    const { hostname: host, port } = new URL(url);
    return new MicroservicesBackend({
      ...COMMON,
      transport: Transport.REDIS,
      options: { host, port: Number(port) },
    });
  },
});

/** Over core NATS: what nobody hears is gone. */
export const oursOverNestNats = nestTransport({
  backend: ({ url }) =>
    new MicroservicesBackend({ ...COMMON, transport: Transport.NATS, options: { servers: [url] } }),
});

/** Over an exchange of RabbitMQ and a durable queue of the group. */
export const oursOverNestRabbitMQ = nestTransport({
  backend: ({ url, namespace }) =>
    new MicroservicesBackend({
      ...COMMON,
      transport: Transport.RMQ,
      options: { urls: [url], exchange: namespace },
    }),
  remove: (link) =>
    withChannel(link, async (channel) => {
      await channel.deleteQueue(`${link.namespace}.${GROUP}`);
      await channel.deleteExchange(link.namespace);
    }),
});
