import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { Requests } from '../../lib/clients/nats/requests.js';
import { startNats } from '../support/services/nats.js';
import type { TestServer } from '../support/services/private-server.js';

describe('Requests to NATS', () => {
  let server: TestServer;
  let nc: NatsConnection;
  beforeAll(async () => {
    server = await startNats({ config: 'max_payload: 1024' });
    nc = await connect({ servers: server.url });
    nc.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
  });
  afterAll(async () => {
    await nc.close();
    await server.stop();
  });

  it.each([true, false])('fail by themselves when they are too large (connected: %s)', async (connected) => {
    let up = connected;
    const requests = new Requests(nc, createInbox(), 5000, () => up);
    const ask = (data: string) => requests.request({ subject: 'echo', data });
    const [before, large, after] = [ask('1'), ask('x'.repeat(2000)), ask('2')].map((asked) =>
      asked.then((message) => message.string()),
    );
    const refused = large!.catch((error: Error) => error.message);
    up = true;
    if (!connected) requests.resend();
    expect(await refused).toMatch(/payload/i);
    expect(await Promise.all([before, after])).toEqual(['1', '2']);
    expect(requests.size).toBe(0);
    requests.close();
  });
});
