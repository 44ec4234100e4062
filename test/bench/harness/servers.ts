import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFauxqs } from '../../support/services/fauxqs.js';
import { startKafka } from '../../support/services/kafka-server.js';
import { startNats } from '../../support/services/nats-server.js';
import { startPostgres } from '../../support/services/postgres-server.js';
import type { TestServer } from '../../support/services/private-server.js';
import { startRabbitMQ } from '../../support/services/rabbitmq-server.js';
import { startRedis } from '../../support/services/redis-server.js';

/** What cases are given the URL of. */
interface BenchServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Servers that tables can ask for. */
const STARTS: Readonly<Record<string, () => Promise<BenchServer>>> = {
  redis: () => ownServer(startRedis({ args: ['--appendonly', 'no'] }), 'REDIS_URL'),
  'redis-fsync-always': () => ownServer(startRedis({ appendfsync: 'always' }), 'REDIS_URL'),
  postgres: () => ownServer(startPostgres(), 'POSTGRES_URL'),
  nats: () => ownServer(startNats(), 'NATS_URL'),
  rabbitmq: () => ownServer(startRabbitMQ(), 'AMQP_URL'),
  kafka: () => ownServer(startKafka(), 'KAFKA_BROKERS'),
  sqs: startFauxqs,
  sqlite: makeFolder,
};

async function ownServer(starting: Promise<TestServer>, variable: string): Promise<BenchServer> {
  const server = await starting;
  if (server.pid !== undefined) return server;
  await server.stop();
  throw new Error(`${variable} is set, but benchmarks need servers of their own: unset it.`);
}

/** SQLite has no server: a folder for its files. */
async function makeFolder(): Promise<BenchServer> {
  const url = await mkdtemp(join(tmpdir(), 'bench-'));
  return { url, stop: () => rm(url, { recursive: true, force: true }) };
}

/**
 * Starts private servers, lets them be used, and stops them.
 *
 * @throws Error when one cannot be started.
 */
export async function withServers<T>(
  names: readonly string[],
  use: (urls: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const [name, ...others] = names;
  if (name === undefined) return use({});
  const server = await STARTS[name]!();
  try {
    return await withServers(others, (urls) => use({ ...urls, [name]: server.url }));
  } finally {
    await server.stop();
  }
}
