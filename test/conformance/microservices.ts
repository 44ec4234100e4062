import { Transport } from '@nestjs/microservices';
import { MicroservicesBackend, type TransportChoice } from 'nestjs-durable-events/microservices';
import type { BackendFactory, BackendFactoryContext } from 'nestjs-durable-events/testing';

/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The transports that the kit is run on, each by the URL of its server. */
export const transports = {
  nats: (url: string): TransportChoice => ({ transport: Transport.NATS, options: { servers: [url] } }),
  redis: (url: string): TransportChoice => {
    const { hostname, port } = new URL(url);
    return { transport: Transport.REDIS, options: { host: hostname, port: Number(port) } };
  },
  mqtt: (url: string): TransportChoice => ({ transport: Transport.MQTT, options: { url } }),
  rmq: (url: string, { namespace }: BackendFactoryContext): TransportChoice => ({
    transport: Transport.RMQ,
    options: { urls: [url], exchange: namespace },
  }),
  tcp: (url: string): TransportChoice => {
    const { hostname, port } = new URL(url);
    return { transport: Transport.TCP, options: { host: hostname, port: Number(port) } };
  },
};

export type TransportName = keyof typeof transports;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function microservices(
  name: TransportName,
  url: () => string,
): (...args: Parameters<BackendFactory>) => MicroservicesBackend {
  return (context) =>
    new MicroservicesBackend({
      ...transports[name](url(), context),
      prefix: `${context.namespace}.`,
      group: context.group,
      concurrency: 20,
      maxEventBytes,
      publishTimeoutMs: 2000,
    });
}
