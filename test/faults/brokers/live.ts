import type { TestServer } from '../../support/services/private-server.js';
import type { BackendKind } from '../programs/settings.js';
import { type BrokerServer, MOSQUITTO, NATS, REDIS } from './servers.js';

/** A backend that keeps nothing: an event is brought to whoever listens, once, or it is lost. */
export interface LiveBackend {
  readonly kind: BackendKind;
  /** What tests call it. */
  readonly title: string;
  readonly server: BrokerServer<TestServer>;
  /** Every process of a service gets every event, not one of them. */
  readonly toEachProcess?: true;
}

export const LIVE_BACKENDS: readonly LiveBackend[] = [
  { kind: 'nats', title: 'NATS', server: NATS },
  { kind: 'redis-pubsub', title: 'Redis Pub/Sub', server: REDIS },
  { kind: 'microservices-nats', title: 'Microservices over NATS', server: NATS },
  { kind: 'microservices-redis', title: 'Microservices over Redis', server: REDIS, toEachProcess: true },
  { kind: 'microservices-mqtt', title: 'Microservices over MQTT', server: MOSQUITTO },
];
