import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type ChannelModel, connect } from 'amqplib';
import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import { describeBackend } from 'nestjs-durable-events/testing';
import { Names } from '../../lib/backends/rabbitmq/names.js';
import { forkProgram } from '../support/fork-program.js';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import type { TestServer } from '../support/services/private-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { concurrency, leaseMs, maxEventBytes, rabbitMQ } from './rabbitmq.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/rabbitmq.ts');

let server: TestServer;
let proxy: TcpProxy;
/** Of the test's own, past the proxy. */
let client: ChannelModel;
/** Everything goes through the proxy, which can spoil the network. */
let url: string;
beforeAll(async () => {
  server = await startRabbitMQ();
  proxy = await startTcpProxy(server.port);
  const address = new URL(server.url);
  address.hostname = '127.0.0.1';
  address.port = String(proxy.port);
  url = address.href;
  client = await connect(server.url);
}, 90_000);
afterAll(async () => {
  await client.close();
  await proxy.close();
  await server.stop();
});

const services = ['service-a', 'service-b'];

describeBackend(
  rabbitMQ(() => url),
  {
    durable: true,
    delay: true,
    redelivery: true,
    shared: true,
    maxEventBytes,
  },
  {
    name: 'RabbitMQBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    fork: () => forkProgram(program, { CONFORMANCE_AMQP: url }),
    corrupt: async ({ namespace }, text) => {
      const channel = await client.createConfirmChannel();
      channel.publish(new Names(namespace).exchange, 'garbage', Buffer.from(text));
      await channel.waitForConfirms();
      await channel.close();
    },
    erase: async ({ namespace }) => {
      const names = new Names(namespace);
      const channel = await client.createChannel();
      await channel.deleteExchange(names.exchange);
      for (const group of services) {
        for (const queue of [names.events(group), names.suspects(group), names.dead(group)])
          await channel.deleteQueue(queue);
      }
      await channel.deleteQueue(names.scheduled);
      await channel.close();
    },
    strand: async () => proxy.strand(),
    borrow: async ({ namespace, group }) => {
      const borrowed = await connect(url);
      return {
        backend: new RabbitMQBackend({ connection: borrowed, namespace, group }),
        use: async () => (await borrowed.createChannel()).close(),
        dispose: () => borrowed.close(),
      };
    },
    // A RabbitMQ takes many seconds to start: the network is what breaks here, and the server in the storms.
    outage: async () => {
      await proxy.refuse();
      return () => proxy.resume();
    },
  },
);
