import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { DockerHost, type Host, ProcessHost } from './host.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const { nats } = services;

export interface NatsOptions {
  /** Default: a free one. */
  port?: number;
  /** Text of a configuration file beside the command line, such as `authorization { token: "x" }`. */
  config?: string;
  /** Default true. */
  jetstream?: boolean;
}

/**
 * A NATS with JetStream for one test file: a private server, or the one of NATS_URL. There, options do not apply, and
 * only `url`, `port` and `stop` work; keep to namespaces of your own.
 */
export async function startNats(options: NatsOptions = {}): Promise<TestServer> {
  const found = find(nats);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 4222),
      'The server of NATS_URL is not ours to break: put this test in describeWithOwnNats().',
    );
  const { port = await freePort(), config, jetstream = true } = options;
  const host = hostFor();
  // Tells ours from another server on this port, whose answer would hide that ours cannot start.
  const name = `tests-${randomUUID()}`;
  const args = ['--addr', '127.0.0.1', '--port', String(port), '--name', name];
  if (jetstream) args.push('--jetstream', '--store_dir', join(host.dir, 'store'));
  if (config !== undefined) {
    const file = join(host.dir, 'nats.conf');
    writeFileSync(file, config);
    args.push('--config', file);
  }
  return startPrivateServer({
    url: `nats://127.0.0.1:${port}`,
    port,
    host,
    args,
    ready: async () => (await greeting(port)).includes(name),
  });
}

function hostFor(): Host {
  const found = find(nats);
  if (found.kind === 'binary') return new ProcessHost(found.path);
  if (found.kind === 'docker') return new DockerHost(found.image, nats.binary);
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a NATS of its own, but NATS_URL is set: put it in describeWithOwnNats().'
      : howToGet(nats),
  );
}

/** What a server says first; empty when it says nothing within half a second. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1')
      .setTimeout(500, () => socket.destroy())
      .on('data', (chunk) => {
        text += chunk.toString();
        if (text.includes('\n')) socket.destroy();
      })
      .on('error', () => socket.destroy())
      .on('close', () => resolve(text));
  });
}
