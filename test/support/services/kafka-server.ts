import { randomBytes } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { freePort } from '../free-port.js';
import { DockerHost, type Host, ProcessHost } from './host.js';
import { mavenJars } from './maven-jars.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const { kafka } = services;
const ARTIFACT = { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version: '4.1.1' };

/** Small, and quick to start: what is compiled well is of no use to a server that lives for a minute. */
const JVM = '-Xms96m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto';

export interface KafkaOptions {
  /**
   * Further ports on which it listens, for a proxy in front of each: a client that comes there is told to go on at the
   * port `advertised`, which is the proxy's.
   */
  proxies?: readonly { readonly port: number; readonly advertised: number }[];
  /** Lines of `server.properties` beside the usual ones. */
  config?: readonly string[];
}

/**
 * An Apache Kafka in KRaft mode for one test file: a private broker, or the one of KAFKA_BROKERS. There, options do not
 * apply, and only `url`, `port` and `stop` work; keep to namespaces of your own.
 */
export async function startKafka({ proxies = [], config = [] }: KafkaOptions = {}): Promise<TestServer> {
  const found = find(kafka);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(found.url.split(',')[0]!.split(':').at(-1)),
      'The broker of KAFKA_BROKERS is not ours to break: put this test in describeWithOwnKafka().',
    );
  const port = await freePort();
  const controller = await freePort();
  const { host, run, dir } = await place();
  const data = `${dir}/data`;
  const file = `${dir}/server.properties`;
  // One that begins with a dash would be taken for an option of the program that formats the folder.
  const id = `k${randomBytes(16).toString('base64url').slice(1)}`;
  const properties = [...propertiesOf(port, controller, data, proxies), ...config].join('\n');
  const script = [
    `printf '%s\\n' '${properties}' > ${file}`,
    `[ -f ${data}/meta.properties ] || ${run.format} -t ${id} -c ${file} || exit 1`,
    `exec ${run.start} ${file}`,
  ];
  return startPrivateServer({
    url: `kafka://127.0.0.1:${port}`,
    port,
    host,
    args: ['-c', script.join('\n')],
    startTimeoutMs: 60_000,
    // Tells ours from another server on this port, whose answer would hide that ours cannot start.
    ready: async () => (await clusterAt(port)) === id,
  });
}

/** Where it runs, by which commands, and in which folder it may write. */
async function place(): Promise<{ host: Host; run: { format: string; start: string }; dir: string }> {
  const found = find(kafka);
  if (found.kind === 'binary') {
    const jars = await mavenJars(ARTIFACT);
    const host = new ProcessHost('/bin/sh');
    const java = `${found.path} ${JVM} -cp '${jars}/*'`;
    const run = { format: `${java} kafka.tools.StorageTool format`, start: `${java} kafka.Kafka` };
    return { host, run, dir: host.dir };
  }
  if (found.kind === 'docker') {
    const host = new DockerHost(found.image, '/bin/sh', { KAFKA_HEAP_OPTS: JVM });
    const bin = '/opt/kafka/bin';
    const run = { format: `${bin}/kafka-storage.sh format`, start: `${bin}/kafka-server-start.sh` };
    return { host, run, dir: '/tmp' };
  }
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a Kafka of its own, but KAFKA_BROKERS is set: put it in describeWithOwnKafka().'
      : howToGet(kafka),
  );
}

function propertiesOf(
  port: number,
  controller: number,
  data: string,
  proxies: NonNullable<KafkaOptions['proxies']>,
): string[] {
  const listeners = [{ name: 'PLAIN', port, advertised: port }].concat(
    proxies.map((proxy, i) => ({ name: `PROXY${i}`, ...proxy })),
  );
  const at = (pick: (listener: (typeof listeners)[number]) => number) =>
    listeners.map((listener) => `${listener.name}://127.0.0.1:${pick(listener)}`).join(',');
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=${at((each) => each.port)},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=${at((each) => each.advertised)}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAIN',
    `listener.security.protocol.map=${[...listeners.map(({ name }) => name), 'CONTROLLER'].map((name) => `${name}:PLAINTEXT`).join(',')}`,
    `log.dirs=${data}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=100',
    'auto.create.topics.enable=false',
    'log.cleaner.dedupe.buffer.size=4194304',
    'log.index.size.max.bytes=1048576',
    'log.segment.delete.delay.ms=0',
    // A broker that was killed may come back when the controller has given up the one before.
    'broker.session.timeout.ms=1000',
    'broker.heartbeat.interval.ms=200',
    'controller.quorum.election.timeout.ms=200',
    'controller.quorum.election.backoff.max.ms=100',
    'controller.quorum.fetch.timeout.ms=500',
  ];
}

/** The id of the cluster that answers there; empty when none does within half a second. */
async function clusterAt(port: number): Promise<string> {
  const admin = new Admin({
    clientId: 'tests',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    retries: 0,
    connectTimeout: 500,
  });
  try {
    const { id, brokers } = await admin.metadata({ topics: [] });
    return brokers.size > 0 ? id : '';
  } catch {
    return '';
  } finally {
    await admin.close();
  }
}
