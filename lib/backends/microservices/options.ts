import {
  type ClientProxy,
  type MqttOptions,
  type NatsOptions,
  type RedisOptions,
  type RmqOptions,
  type TcpOptions,
  Transport,
} from '@nestjs/microservices';
import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';
import type { CarriedTransport, Carrier, ListeningServer, TransportOptions } from './carrier.js';
import type { PayloadKind } from './packet.js';
import { mqtt } from './transports/mqtt.js';
import { nats } from './transports/nats.js';
import { other } from './transports/other.js';
import { redis } from './transports/redis.js';
import { rmq } from './transports/rmq.js';
import { tcp } from './transports/tcp.js';

/** One of Nest's transports with its options, as `ClientsModule.register()` takes them, for both directions. */
export type TransportChoice =
  | { transport: Transport.NATS; options?: NatsOptions['options'] }
  | { transport: Transport.RMQ; options?: RmqOptions['options'] }
  | { transport: Transport.REDIS; options?: RedisOptions['options'] }
  | { transport: Transport.MQTT; options?: MqttOptions['options'] }
  | { transport: Transport.TCP; options?: TcpOptions['options'] }
  | { transport?: undefined; client: ClientProxy };

/** What all transports have in common. */
export interface CommonOptions {
  /** A client to emit with, in place of one made of `options`. It stays the caller's, and is never closed. */
  client?: ClientProxy;
  /** A server of Nest to consume with, in place of one made of `options`. It is started and closed here. */
  server?: ListeningServer;
  /** Stands before the name of an event in its pattern. Default: nothing, so that `@EventPattern('order.placed')` fits. */
  prefix?: string;
  /** Name of the service. Default: the module's `source`. */
  group?: string;
  /**
   * What travels. `event`: the event as a CloudEvent, with its data in `data`. `data`: the data alone; whoever receives it
   * makes another event of it. Default `event`.
   */
  payload?: PayloadKind;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Events that may wait in this process. All transports but RabbitMQ send them without being asked: those beyond go to
   * the dead letters. Default 10,000.
   */
  maxQueued?: number;
  /** Milliseconds until a publish that is not confirmed rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try to listen before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /** Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. Default 768 KiB. */
  maxEventBytes?: number;
}

/** Options of {@link MicroservicesBackend}. */
export type MicroservicesOptions = CommonOptions & TransportChoice;

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export interface ResolvedMicroservicesOptions extends Required<
  Omit<CommonOptions, 'client' | 'server' | 'group'>
> {
  readonly transport: CarriedTransport | undefined;
  readonly carrier: Carrier;
  readonly options: TransportOptions;
  readonly client: ClientProxy | undefined;
  readonly server: ListeningServer | undefined;
  readonly group: string | undefined;
}

/** Name of the backend in errors. */
export const USER = 'MicroservicesBackend';

const CARRIERS: ReadonlyMap<unknown, Carrier> = new Map([
  [Transport.NATS, nats],
  [Transport.RMQ, rmq],
  [Transport.REDIS, redis],
  [Transport.MQTT, mqtt],
  [Transport.TCP, tcp],
]);

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveMicroservicesOptions(options: MicroservicesOptions): ResolvedMicroservicesOptions {
  const {
    transport,
    client,
    server,
    prefix = '',
    group,
    payload = 'event',
    concurrency = 10,
    maxQueued = 10_000,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = 768 * 1024,
  } = options;
  if (payload !== 'event' && payload !== 'data') {
    throw refusedOption('payload', payload, USER, "'event' or 'data'");
  }
  if (transport === undefined && client === undefined) {
    throw new EventConfigurationError(
      `${USER} needs a 'transport', such as Transport.NATS with its 'options', or a 'client'.`,
    );
  }
  return {
    transport,
    carrier: carrierOf(transport),
    options: 'options' in options ? { ...options.options } : {},
    client,
    server,
    prefix,
    group: checkGroup(group, USER),
    payload,
    concurrency: checkWhole('concurrency', concurrency, USER),
    maxQueued: checkWhole('maxQueued', maxQueued, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
  };
}

function carrierOf(transport: unknown): Carrier {
  if (transport === undefined) return other;
  const carrier = CARRIERS.get(transport);
  if (carrier !== undefined) return carrier;
  const name = typeof transport === 'number' ? (Transport[transport] ?? transport) : transport;
  throw refusedOption(
    'transport',
    name,
    USER,
    'Transport.NATS, RMQ, REDIS, MQTT or TCP; for Kafka there is KafkaBackend, and gRPC has no events',
  );
}
