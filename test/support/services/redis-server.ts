import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { freePort } from '../free-port.js';
import { waitFor } from '../wait-for.js';
import { DockerHost, type Host, ProcessHost } from './host.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const { redis } = services;

export interface RedisOptions {
  /** Default: a free one. */
  port?: number;
  /** Data folder; stays when given. Default: a temporary one that goes with the server. */
  dir?: string;
  /** When writes reach the disk. `always` (the default) loses nothing that was confirmed. */
  appendfsync?: 'always' | 'everysec' | 'no';
  /** More of the command line, such as `['--maxmemory', '20mb']`. */
  args?: readonly string[];
}

/**
 * A Redis for one test file: a private server with an append-only file, or the one of REDIS_URL. There, options do
 * not apply, and only `url`, `port` and `stop` work; keep to your own keys.
 */
export async function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  const found = find(redis);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 6379),
      'The server of REDIS_URL is not ours to break: put this test in describeWithOwnRedis().',
    );
  return startOwnRedis(options);
}

/** A cluster of one node that owns every slot: enough to refuse commands whose keys are in different slots. */
export async function startRedisCluster(options: RedisOptions = {}): Promise<TestServer> {
  const busPort = await freePort();
  const args = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-port',
    String(busPort),
    ...(options.args ?? []),
  ];
  const server = await startOwnRedis({ ...options, args });
  await command(server.port, 'CLUSTER ADDSLOTSRANGE 0 16383');
  await waitFor(async () => (await command(server.port, 'CLUSTER INFO')).includes('cluster_state:ok'), {
    message: 'the cluster to serve its slots',
  });
  return server;
}

async function startOwnRedis(options: RedisOptions): Promise<TestServer> {
  const { port = await freePort(), dir, appendfsync = 'always', args = [] } = options;
  const host = hostFor(dir);
  // Tells ours from another server on this port, whose answer would hide that ours cannot start.
  const dbfilename = `${randomUUID()}.rdb`;
  const settings = {
    port,
    dir: host.dir,
    bind: '127.0.0.1',
    save: '',
    dbfilename,
    appendonly: 'yes',
    appendfsync,
  };
  return startPrivateServer({
    url: `redis://127.0.0.1:${port}`,
    port,
    host,
    args: serverArguments(settings).concat(args),
    ready: async () => {
      const reply = await command(port, 'PING\r\nCONFIG GET dbfilename');
      return reply.startsWith('+PONG') && reply.includes(dbfilename);
    },
  });
}

function serverArguments(settings: Record<string, string | number>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

function hostFor(dir: string | undefined): Host {
  const found = find(redis);
  if (found.kind === 'binary') return new ProcessHost(found.path, dir);
  if (found.kind === 'docker') return new DockerHost(found.image, redis.binary);
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a Redis of its own, but REDIS_URL is set: put it in describeWithOwnRedis().'
      : howToGet(redis),
  );
}

/** The raw reply; empty when there is none within half a second, as from a server that is not up yet. */
function command(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${text}\r\nQUIT\r\n`));
    socket
      .setTimeout(500, () => socket.destroy())
      .on('data', (chunk) => (reply += chunk.toString()))
      .on('error', () => socket.destroy())
      .on('close', () => resolve(reply));
  });
}
