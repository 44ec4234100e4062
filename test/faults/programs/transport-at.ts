import { Transport } from '@nestjs/microservices';
import type { TransportChoice } from 'nestjs-durable-events/microservices';

/** The transports of Nest that the fault tests know. */
export type TransportName = 'nats' | 'redis' | 'mqtt' | 'rmq' | 'tcp';

/** Options of a backend that uses a transport. @param url Of its server; with `tcp`, where the service listens. */
export function transportAt(
  name: TransportName,
  url: string,
  namespace: string,
): TransportChoice & { prefix: string } {
  const { hostname: host, port } = new URL(url);
  const address = { host, port: Number(port) };
  const prefix = `${namespace}.`;
  switch (name) {
    case 'nats':
      return { prefix, transport: Transport.NATS, options: { servers: [url] } };
    case 'redis':
      return { prefix, transport: Transport.REDIS, options: address };
    case 'mqtt':
      return { prefix, transport: Transport.MQTT, options: { url } };
    case 'rmq':
      return { prefix, transport: Transport.RMQ, options: { urls: [url], exchange: namespace } };
    case 'tcp':
      return { prefix, transport: Transport.TCP, options: address };
  }
}
