import { connectAsync } from 'mqtt';
import { freePort } from '../free-port.js';
import { DockerHost, type Host, ProcessHost } from './host.js';
import { externalServer } from './external-server.js';
import { startPrivateServer, type TestServer } from './private-server.js';
import { find, howToGet, services } from './provide.js';

const { mosquitto } = services;

/**
 * A Mosquitto for one test file: a private server, or the one of MQTT_URL. There, only `url`, `port` and `stop` work; keep
 * to topics of your own.
 */
export async function startMosquitto(): Promise<TestServer> {
  const found = find(mosquitto);
  if (found.kind === 'external')
    return externalServer(
      found.url,
      Number(new URL(found.url).port || 1883),
      'The server of MQTT_URL is not ours to break.',
    );
  const port = await freePort();
  return startPrivateServer({
    url: `mqtt://127.0.0.1:${port}`,
    port,
    host: hostFor(),
    // Without a file of settings it serves this machine alone, and everybody on it.
    args: ['-p', String(port)],
    ready: () => answers(port),
  });
}

function hostFor(): Host {
  const found = find(mosquitto);
  if (found.kind === 'binary') return new ProcessHost(found.path);
  if (found.kind === 'docker') return new DockerHost(found.image, mosquitto.binary);
  throw new Error(
    found.kind === 'external'
      ? 'This test needs a Mosquitto of its own, but MQTT_URL is set.'
      : howToGet(mosquitto),
  );
}

async function answers(port: number): Promise<boolean> {
  try {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      reconnectPeriod: 0,
      connectTimeout: 500,
    });
    await client.endAsync(true);
    return true;
  } catch {
    return false;
  }
}
