import { join } from 'node:path';
import {
  DeleteQueueCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SqsBackend } from 'nestjs-durable-events/sqs';
import { describeBackend } from 'nestjs-durable-events/testing';
import { Names } from '../../lib/backends/sqs/names.js';
import { forkProgram } from '../support/fork-program.js';
import { ELASTICMQ_TIMEOUT_MS, startElasticMq } from '../support/services/elasticmq.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { concurrency, leaseMs, maxEventBytes, type Servers, sqs } from './sqs.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/sqs.ts');
const credentials = { accessKeyId: 'tests', secretAccessKey: 'tests' };

let server: TestServer;
let redis: TestServer;
let proxy: TcpProxy;
let client: SQSClient;
let servers: Servers;
beforeAll(async () => {
  [server, redis] = await Promise.all([startElasticMq(), startRedis()]);
  proxy = await startTcpProxy(server.port);
  // Everything goes through the proxy, which can spoil the network.
  const address = new URL(server.url);
  address.hostname = '127.0.0.1';
  address.port = String(proxy.port);
  address.username = address.password = 'tests';
  servers = { endpoint: address.href, redis: redis.url };
  client = new SQSClient({ endpoint: server.url, region: 'us-east-1', credentials });
}, ELASTICMQ_TIMEOUT_MS);
afterAll(async () => {
  client.destroy();
  await proxy.close();
  await Promise.all([server.stop(), redis.stop()]);
});

async function urlOf(namespace: string, group: string): Promise<string> {
  const { QueueUrl } = await client.send(
    new GetQueueUrlCommand({ QueueName: new Names(namespace, false).queue(group) }),
  );
  return QueueUrl!;
}

describeBackend(
  sqs(() => servers),
  {
    durable: true,
    delay: true,
    redelivery: true,
    shared: true,
    maxEventBytes,
  },
  {
    name: 'SqsBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    fork: () => forkProgram(program, { CONFORMANCE_SQS: servers.endpoint, CONFORMANCE_REDIS: servers.redis }),
    corrupt: async ({ namespace, group }, text) => {
      await client.send(
        new SendMessageCommand({ QueueUrl: await urlOf(namespace, group), MessageBody: text }),
      );
    },
    erase: async ({ namespace }) => {
      const { QueueUrls = [] } = await client.send(new ListQueuesCommand({ QueueNamePrefix: namespace }));
      await Promise.all(QueueUrls.map((QueueUrl) => client.send(new DeleteQueueCommand({ QueueUrl }))));
    },
    strand: async () => proxy.strand(),
    borrow: async ({ namespace, group }) => {
      const borrowed = new SQSClient({ endpoint: servers.endpoint, region: 'us-east-1', credentials });
      return {
        backend: new SqsBackend({ connection: borrowed, namespace, group, waitTimeSeconds: 1 }),
        use: () => borrowed.send(new ListQueuesCommand({})),
        dispose: () => borrowed.destroy(),
      };
    },
    // SQS itself does not lose what it has: it is the way there that breaks.
    outage: async () => {
      await proxy.refuse();
      return () => proxy.resume();
    },
  },
);
