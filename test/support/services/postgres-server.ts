import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../free-port.js';
import { DockerHost, type Host, type User } from './host.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { ProcessTreeHost } from './process-tree.js';
import { find, howToGet, services } from './provide.js';

const { postgres } = services;

export interface PostgresOptions {
  /** Default: a free one. */
  port?: number;
  /** Settings of the server, such as `{ max_connections: 20 }`. */
  settings?: Readonly<Record<string, string | number>>;
}

/**
 * A PostgreSQL for one test file: a private server that writes through to the disk, or the one of POSTGRES_URL. There,
 * options do not apply, and only `url`, `port` and `stop` work; keep to schemas of your own.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestServer> {
  const found = find(postgres);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 5432),
      'The server of POSTGRES_URL is not ours to break: put this test in describeWithOwnPostgres().',
    );
  const { port = await freePort(), settings = {} } = options;
  // Tells ours from another server on this port, whose answer would hide that ours cannot start.
  const name = `tests-${randomUUID()}`;
  const host = hostFor();
  const own = { listen_addresses: '127.0.0.1', unix_socket_directories: '', cluster_name: name, fsync: 'on' };
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  return startPrivateServer({
    url,
    port,
    host,
    args: [...dataFolder(host), '-p', String(port), ...serverArguments({ ...own, ...settings })],
    stopSignal: 'SIGINT', // SIGTERM would wait for all clients to leave
    ready: () => answersAs(name, url),
  });
}

function serverArguments(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function hostFor(): Host {
  const found = find(postgres);
  if (found.kind === 'binary') {
    const path = realpathSync(found.path);
    const user = nobodySpecial();
    const host = new ProcessTreeHost(path, undefined, user);
    const initdb = join(dirname(path), 'initdb');
    const args = [
      '-D',
      join(host.dir, 'data'),
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ];
    execFileSync(initdb, args, { ...user, cwd: host.dir, stdio: ['ignore', 'ignore', 'inherit'] });
    return host;
  }
  if (found.kind === 'docker') {
    return new DockerHost(found.image, postgres.binary, { POSTGRES_HOST_AUTH_METHOD: 'trust' });
  }
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a PostgreSQL of its own, but POSTGRES_URL is set: put it in describeWithOwnPostgres().'
      : howToGet(postgres),
  );
}

/** The image knows its own. */
function dataFolder(host: Host): string[] {
  return host instanceof ProcessTreeHost ? ['-D', join(host.dir, 'data')] : [];
}

/** PostgreSQL refuses to run as root: then it runs as the user of its package, or as nobody. */
function nobodySpecial(): User {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = ['postgres', 'nobody'].flatMap((name) => users.filter(([user]) => user === name));
  const [, , uid, gid] = found[0] ?? [];
  if (uid === undefined) throw new Error('PostgreSQL does not run as root, and there is no user nobody.');
  return { uid: Number(uid), gid: Number(gid) };
}

async function answersAs(name: string, url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1000, query_timeout: 1000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(`SELECT current_setting('cluster_name') AS name`);
    return rows[0]?.name === name;
  } catch {
    return false; // not up yet
  } finally {
    await client.end().catch(() => undefined);
  }
}
