import {
  type DeadLetterStore,
  type EventBackend,
  type InboxOptions,
  type InboxStore,
  MemoryBackend,
} from 'nestjs-durable-events';
import { ANY_ACCOUNT } from './any-account.js';
import type { FaultPoints } from './fault-points.js';
import { type BackendSettings, GROUP, type InboxSettings, type ServiceSettings } from './settings.js';
import type { TransportName } from './transport-at.js';

/** What the module is made of. */
export interface Parts {
  readonly backend: EventBackend;
  readonly deadLetters?: DeadLetterStore;
  readonly inbox?: InboxOptions;
}

/** Makes what the settings ask for, with fault points in it. Loads nothing else. */
export async function makeParts(settings: ServiceSettings, points: FaultPoints): Promise<Parts> {
  const { acknowledgesEarly, inbox } = settings;
  const backend = settings.backend
    ? await makeBackend(settings.backend)
    : new MemoryBackend({ overflow: 'wait' });
  points.watchBackend(backend);
  if (acknowledgesEarly) points.acknowledgeEarly(backend);
  const deadLetters = settings.deadLetters && (await makeDeadLetters(settings.deadLetters));
  const store = deadLetters ?? backend.deadLetters;
  if (store) points.watchStore(store);
  return {
    backend,
    deadLetters,
    inbox: inbox && { store: await makeInbox(inbox), leaseMs: inbox.leaseMs },
  };
}

async function makeBackend({ kind, url, ...options }: BackendSettings): Promise<EventBackend> {
  const settings = { ...options, connection: url, group: GROUP };
  switch (kind) {
    case 'redis-streams': {
      const { RedisStreamsBackend } = await import('nestjs-durable-events/redis');
      return new RedisStreamsBackend(settings);
    }
    case 'bullmq': {
      const { BullMQBackend } = await import('nestjs-durable-events/bullmq');
      return new BullMQBackend(settings);
    }
    case 'nats-jetstream': {
      const { NatsJetStreamBackend } = await import('nestjs-durable-events/nats');
      return new NatsJetStreamBackend(settings);
    }
    case 'kafka': {
      const { KafkaBackend } = await import('nestjs-durable-events/kafka');
      // Through the proxy, whatever address the broker gives itself.
      const { hostname: host, port } = new URL(url);
      const address = { host, port: Number(port) };
      const connection = { brokers: [`${host}:${port}`], reach: () => address };
      return new KafkaBackend({ ...settings, connection });
    }
    case 'rabbitmq': {
      const { RabbitMQBackend } = await import('nestjs-durable-events/rabbitmq');
      return new RabbitMQBackend(settings);
    }
    case 'postgres': {
      const { PostgresBackend } = await import('nestjs-durable-events/postgres');
      return new PostgresBackend(settings);
    }
    case 'sqlite': {
      const { SqliteBackend } = await import('nestjs-durable-events/sqlite');
      return new SqliteBackend(settings);
    }
    case 'sqs': {
      const { SqsBackend } = await import('nestjs-durable-events/sqs');
      return new SqsBackend({ ...settings, connection: { ...ANY_ACCOUNT, endpoint: url } });
    }
    case 'nats': {
      const { NatsBackend } = await import('nestjs-durable-events/nats');
      return new NatsBackend(settings);
    }
    case 'redis-pubsub': {
      const { RedisPubSubBackend } = await import('nestjs-durable-events/redis');
      return new RedisPubSubBackend(settings);
    }
    case 'microservices-nats':
    case 'microservices-redis':
    case 'microservices-mqtt':
    case 'microservices-rmq':
    case 'microservices-tcp': {
      const { MicroservicesBackend } = await import('nestjs-durable-events/microservices');
      const { transportAt } = await import('./transport-at.js');
      const { publishTimeoutMs, namespace } = settings;
      const transport = transportAt(kind.slice('microservices-'.length) as TransportName, url, namespace);
      return new MicroservicesBackend({ ...transport, group: GROUP, publishTimeoutMs });
    }
  }
}

async function makeInbox({ kind, url, namespace }: InboxSettings): Promise<InboxStore> {
  switch (kind) {
    case 'redis': {
      const { RedisInbox } = await import('nestjs-durable-events/redis');
      return new RedisInbox({ connection: url, namespace });
    }
    case 'postgres': {
      const { PostgresInbox } = await import('nestjs-durable-events/postgres');
      // Short, so that a query that the server forgot in its crash is asked again soon.
      return new PostgresInbox({ connection: url, timeoutMs: 2000 });
    }
  }
}

async function makeDeadLetters(settings: { url: string; namespace: string }): Promise<DeadLetterStore> {
  const { RedisDeadLetterStore } = await import('nestjs-durable-events/redis');
  const { url, namespace } = settings;
  return new RedisDeadLetterStore({ connection: url, namespace });
}
