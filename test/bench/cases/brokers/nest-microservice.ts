import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  Ctx,
  EventPattern,
  type MicroserviceOptions,
  Payload,
  type RmqContext,
  Transport as Kind,
} from '@nestjs/microservices';
import { type Channel, connect, type Message } from 'amqplib';
import { lastValueFrom } from 'rxjs';
import type { Payload as Sent } from './payload.js';
import type { Link, Transport } from './transport.js';

const PATTERN = 'payment.received';
const PREFETCH = 100;

/** What differs between one transport of Nest and the next. */
export interface MicroserviceSetup {
  readonly options: (link: Link) => MicroserviceOptions;
  /** What is emitted and handled. Default `payment.received`. */
  readonly pattern?: (link: Link) => string;
  /** More for the service alone. */
  readonly serving?: object;
  /** Acknowledges what was handled, where the transport can. */
  readonly acknowledge?: (context: unknown) => void;
  readonly prepare?: Transport['prepare'];
  readonly remove?: Transport['remove'];
}

/** `@nestjs/microservices`: a client that emits, and a service with an `@EventPattern`. */
export function microservice({
  options,
  pattern = () => PATTERN,
  serving,
  acknowledge,
  prepare = () => Promise.resolve(),
  remove,
}: MicroserviceSetup): Transport {
  return {
    prepare,
    produce: async (link) => {
      const client = ClientProxyFactory.create(options(link) as never);
      await client.connect();
      return {
        send: (payload) => lastValueFrom(client.emit(pattern(link), payload), { defaultValue: undefined }),
        close: () => Promise.resolve(client.close()),
      };
    },
    consume: async (link, handle) => {
      @Controller()
      class Payments {
        @EventPattern<Record<string, Sent>>(pattern(link))
        async onPayment(@Payload() payload: Sent, @Ctx() context: unknown): Promise<void> {
          await handle(payload);
          acknowledge?.(context);
        }
      }
      @Module({ controllers: [Payments] })
      class ServiceModule {}
      const chosen = options(link) as { transport: Kind.RMQ; options: object };
      const service = await NestFactory.createMicroservice<MicroserviceOptions>(ServiceModule, {
        ...chosen,
        options: { ...chosen.options, ...serving },
        logger: ['error'],
      });
      await service.listen();
      return { close: () => service.close() };
    },
    remove,
  };
}

/** Over channels of Redis: what nobody hears is gone. */
export const nestRedis = microservice({
  options: ({ url }) => {
    const { hostname: host, port } = new URL(url);
    return { transport: Kind.REDIS, options: { host, port: Number(port) } };
  },
});

/** Over core NATS: what nobody hears is gone. */
export const nestNats = microservice({
  options: ({ url }) => ({ transport: Kind.NATS, options: { servers: [url] } }),
});

/** Over a durable queue of RabbitMQ, each message persistent and acknowledged when it was handled. */
export const nestRabbitMQ = microservice({
  options: ({ url, namespace }) => ({
    transport: Kind.RMQ,
    options: {
      urls: [url],
      queue: namespace,
      queueOptions: { durable: true },
      persistent: true,
    },
  }),
  serving: { noAck: false, prefetchCount: PREFETCH },
  acknowledge: (context) => {
    const { getChannelRef, getMessage } = context as RmqContext;
    (getChannelRef.call(context) as Channel).ack(getMessage.call(context) as Message);
  },
  remove: async ({ url, namespace }) => {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.deleteQueue(namespace);
    await connection.close();
  },
});
