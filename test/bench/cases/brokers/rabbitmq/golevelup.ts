import 'reflect-metadata';
import { peer } from '../peers.js';
import type { Payload } from '../payload.js';
import type { Handle, Link, Transport } from '../transport.js';
import { removeAll } from './remove.js';

const PREFETCH = 100;
const ROUTING_KEY = 'payment.received';

interface Application {
  init(): Promise<unknown>;
  close(): Promise<void>;
  get(token: unknown): { publish(exchange: string, key: string, payload: Payload, options: object): unknown };
}

type Decorator = (target: object, key: string, descriptor: PropertyDescriptor) => void;

const { Injectable, Module } = peer<{
  Injectable: () => (target: object) => void;
  Module: (parts: object) => (target: object) => void;
}>('@nestjs/common');
const { NestFactory } = peer<{
  NestFactory: { createApplicationContext(module: object, options: object): Promise<Application> };
}>('@nestjs/core');
const { AmqpConnection, RabbitMQModule, RabbitSubscribe } = peer<{
  AmqpConnection: unknown;
  RabbitMQModule: { forRoot(options: object): object };
  RabbitSubscribe: (options: object) => Decorator;
}>('@golevelup/nestjs-rabbitmq');

/** An application of the Nest that it asks for. */
function startApplication({ url, namespace }: Link, providers: object[]): Promise<Application> {
  class AppModule {}
  const options = {
    uri: url,
    exchanges: [{ name: namespace, type: 'topic' }],
    prefetchCount: PREFETCH,
    connectionInitOptions: { wait: true },
  };
  Module({ imports: [RabbitMQModule.forRoot(options)], providers })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
}

async function consume(link: Link, handle: Handle): Promise<Application> {
  class Payments {
    onPayment(payload: Payload): void | Promise<void> {
      return handle(payload);
    }
  }
  Injectable()(Payments);
  const { prototype } = Payments;
  const queueOptions = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
  RabbitSubscribe({ exchange: link.namespace, routingKey: ROUTING_KEY, queue: link.namespace, queueOptions })(
    prototype,
    'onPayment',
    Object.getOwnPropertyDescriptor(prototype, 'onPayment')!,
  );
  return startApplication(link, [Payments]);
}

/** `@golevelup/nestjs-rabbitmq`: its confirmed publish, and a method that subscribes to a quorum queue. */
export const golevelup: Transport = {
  prepare: async (link) => {
    const app = await consume(link, () => undefined);
    await app.close();
  },
  produce: async (link) => {
    const app = await startApplication(link, []);
    const connection = app.get(AmqpConnection);
    return {
      send: async (payload) => connection.publish(link.namespace, ROUTING_KEY, payload, { persistent: true }),
      close: () => app.close(),
    };
  },
  consume,
  remove: removeAll,
};
