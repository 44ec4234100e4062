import { existsSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { freePort } from '../free-port.js';
import { DockerHost, type Host, ProcessHost } from './host.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const { rabbitmq } = services;
/** The program itself, where the one on the PATH is a wrapper that goes to folders of the system. */
const DEBIAN_PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';
/** Loading its modules alone takes some seconds of processor time. */
const START_TIMEOUT_MS = 60_000;

export interface RabbitMQOptions {
  /** Default: a free one. */
  port?: number;
  /** Lines of a configuration file, such as `consumer_timeout = 5000`. */
  config?: string;
}

/**
 * A RabbitMQ for one test file: a private server, or the one of AMQP_URL. There, options do not apply, and only `url`,
 * `port` and `stop` work; keep to namespaces of your own. Takes some seconds to start.
 */
export async function startRabbitMQ(options: RabbitMQOptions = {}): Promise<TestServer> {
  const found = find(rabbitmq);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 5672),
      'The server of AMQP_URL is not ours to break: put this test in describeWithOwnRabbitMQ().',
    );
  const { port = await freePort(), config = '' } = options;
  // Tells ours from another server on this port, whose answer would hide that ours cannot start.
  const name = `tests-${randomUUID()}`;
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  const settings = `listeners.tcp.1 = 127.0.0.1:${port}\ncluster_name = ${name}\n${config}\n`;
  const { host, args } = await hostFor(port, settings);
  return startPrivateServer({
    url,
    port,
    host,
    args,
    startTimeoutMs: START_TIMEOUT_MS,
    ready: () => answersAs(name, url),
  });
}

async function hostFor(port: number, settings: string): Promise<{ host: Host; args: string[] }> {
  const found = find(rabbitmq);
  const [distribution, epmd] = [await freePort(), await freePort()];
  const environment = {
    RABBITMQ_NODENAME: `tests${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none',
    RUNNING_UNDER_SYSTEMD: 'true', // no shell stays between us and the server
  };
  if (found.kind === 'binary') {
    const host = new ProcessHost('/bin/sh');
    const { dir } = host;
    writeFileSync(join(dir, 'rabbitmq.conf'), settings);
    writeFileSync(join(dir, 'enabled_plugins'), '[].');
    const own = {
      ...environment,
      HOME: dir,
      RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
      RABBITMQ_LOG_BASE: join(dir, 'logs'),
      RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq'),
      RABBITMQ_CONF_ENV_FILE: join(dir, 'none'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
      RABBITMQ_PID_FILE: join(dir, 'rabbitmq.pid'),
    };
    writeFileSync(
      join(dir, 'start.sh'),
      script(dir, own, existsSync(DEBIAN_PROGRAM) ? DEBIAN_PROGRAM : found.path),
    );
    return { host, args: [join(dir, 'start.sh')] };
  }
  if (found.kind === 'docker')
    return { host: new DockerHost(found.image, rabbitmq.binary, environment), args: [] };
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a RabbitMQ of its own, but AMQP_URL is set: put it in describeWithOwnRabbitMQ().'
      : howToGet(rabbitmq),
  );
}

/** The port mapper of Erlang would outlive the server: ours ends once the folder is gone. */
function script(dir: string, environment: Readonly<Record<string, string>>, server: string): string {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`);
  return [
    ...exports,
    `( epmd >/dev/null 2>&1 & epmd=$!; while [ -d '${dir}' ]; do sleep 1; done; kill $epmd 2>/dev/null ) &`,
    `exec '${server}'`,
    '',
  ].join('\n');
}

async function answersAs(name: string, url: string): Promise<boolean> {
  try {
    const client = await connect(url, { timeout: 2000 });
    client.on('error', () => undefined);
    const { cluster_name: found } = client.connection.serverProperties;
    await client.close();
    return found === name;
  } catch {
    return false; // not up yet
  }
}
