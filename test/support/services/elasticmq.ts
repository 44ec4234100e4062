import { join } from 'node:path';
import { describe } from '@jest/globals';
import { freePort } from '../free-port.js';
import { ProcessHost } from './host.js';
import { JARS_TIMEOUT_MS, mavenJars } from './maven-jars.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const ELASTICMQ = { groupId: 'org.elasticmq', artifactId: 'elasticmq-server_2.13', version: '1.7.1' };
const { sqs } = services;

/** For `beforeAll`: the first time, the server is fetched. */
export const ELASTICMQ_TIMEOUT_MS = JARS_TIMEOUT_MS;

/**
 * `describe` for tests that stop or kill the server. Where SQS_ENDPOINT names somebody's server they are skipped, with
 * the reason in their name.
 */
export const describeWithOwnSqs: (name: string, tests: () => void) => void = process.env[sqs.urlVariable]
  ? (name, tests) =>
      describe.skip(`${name} (not run: the server of SQS_ENDPOINT is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);

export interface ElasticMqOptions {
  /** Default: a free one. */
  port?: number;
  /** Keeps queues and messages on disk, which takes most of its time. Default false: it forgets them when it ends. */
  durable?: boolean;
}

/**
 * An ElasticMQ for one test file, or the server of SQS_ENDPOINT. There, options do not apply, and only `url`, `port` and
 * `stop` work; keep to namespaces of your own. It has no accounts: any credentials do.
 */
export async function startElasticMq({ port, durable = false }: ElasticMqOptions = {}): Promise<TestServer> {
  const found = find(sqs);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 80),
      'The server of SQS_ENDPOINT is not ours to break: put this test in describeWithOwnSqs().',
    );
  if (found.kind !== 'binary') throw new Error(howToGet(sqs));
  const jars = await mavenJars(ELASTICMQ);
  const host = new ProcessHost(found.path);
  const own = port ?? (await freePort());
  const url = `http://127.0.0.1:${own}`;
  const settings = {
    'node-address.host': '127.0.0.1',
    'node-address.port': own,
    'rest-sqs.bind-hostname': '127.0.0.1',
    'rest-sqs.bind-port': own,
    'rest-stats.enabled': false,
    'queues-storage.enabled': durable,
    'queues-storage.path': join(host.dir, 'queues.conf'),
    'messages-storage.enabled': durable,
    'messages-storage.uri': `jdbc:h2:${join(host.dir, 'messages')};WRITE_DELAY=0`,
  };
  return startPrivateServer({
    url,
    port: own,
    host,
    args: [
      // It starts sooner with less of the compiler, and shares the machine with the tests.
      '-Xmx256m',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
      '-cp',
      join(jars, '*'),
      'org.elasticmq.server.Main',
    ],
    ready: () => isReady(url),
  });
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
    return answer.ok;
  } catch {
    return false; // not up yet
  }
}
