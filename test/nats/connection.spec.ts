import { rmSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import { nkeys } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventBus } from 'nestjs-durable-events';
import { NatsJetStreamBackend, type NatsConnectionOption } from 'nestjs-durable-events/nats';
import { freePort } from '../support/free-port.js';
import { describeWithOwnNats, startNats } from '../support/services/nats.js';
import type { TestServer } from '../support/services/private-server.js';
import { waitFor } from '../support/wait-for.js';
import { certificate, fileWith, operatorMode } from './identities.js';

Logger.overrideLogger(false); // the failures of connections are meant

describeWithOwnNats('a connection to NATS', () => {
  let server: TestServer | undefined;
  const buses: EventBus[] = [];
  const reported: Error[] = [];
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await server?.stop();
    server = undefined;
    reported.length = 0;
  });

  function connected(connection: NatsConnectionOption, connectTimeoutMs = 500): EventBus {
    const backend = new NatsJetStreamBackend({ connection, connectTimeoutMs, publishTimeoutMs: 5000 });
    const bus = createEventBus({
      backend,
      source: 'orders',
      onError: ({ error }) => void reported.push(error),
    });
    buses.push(bus);
    return bus;
  }

  it('takes a user and a password from the URL, and shows neither when they are refused', async () => {
    server = await startNats({ config: 'authorization { user: ada, password: "s/cret" }' });
    const host = `127.0.0.1:${server.port}`;
    await connected(`nats://ada:s%2Fcret@${host}`).emitAsync('x', 1);
    const refused = connected(`nats://ada:wrong-one@${host}`).emitAsync('x', 1);
    const error = await refused.catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toContain(`could not connect to NATS at ${host}`);
    for (const { message, stack } of [error as Error, ...reported]) {
      expect(`${message} ${stack}`).not.toMatch(/wrong-one|ada/);
    }
  });

  it('takes a token', async () => {
    server = await startNats({ config: 'authorization { token: "t0ken" }' });
    for (const connection of [
      `nats://t0ken@127.0.0.1:${server.port}`,
      { servers: server.url, token: 't0ken' },
    ]) {
      await expect(connected(connection).emitAsync('x', 1)).resolves.toMatchObject({
        backend: 'nats-jetstream',
      });
    }
  });

  it('takes the seed of an NKey', async () => {
    const pair = nkeys.createUser();
    server = await startNats({ config: `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }` });
    const nkeySeed = new TextDecoder().decode(pair.getSeed());
    await connected({ servers: server.url, nkeySeed }).emitAsync('x', 1);
    await expect(connected({ servers: server.url }).emitAsync('x', 1)).rejects.toThrow('could not connect');
  });

  it('takes a file of credentials', async () => {
    const { config, credentials } = operatorMode();
    server = await startNats({ config });
    const { dir, path } = fileWith(credentials);
    await expect(
      connected({ servers: server.url, credentialsFile: path }).emitAsync('x', 1),
    ).resolves.toMatchObject({ backend: 'nats-jetstream' });
    await expect(connected(server.url).emitAsync('x', 1)).rejects.toThrow('could not connect');
    rmSync(dir, { recursive: true });
  });

  it('takes TLS', async () => {
    const { dir, cert, key } = certificate();
    server = await startNats({ config: `tls { cert_file: "${cert}", key_file: "${key}" }` });
    await expect(
      connected({ servers: server.url, tls: { caFile: cert } }).emitAsync('x', 1),
    ).resolves.toMatchObject({ backend: 'nats-jetstream' });
    // A certificate that nobody vouches for is refused.
    await expect(connected(server.url.replace('nats:', 'tls:')).emitAsync('x', 1)).rejects.toThrow(
      'could not connect',
    );
    rmSync(dir, { recursive: true });
  });

  it('says which file of credentials it cannot read', async () => {
    const bus = connected({ servers: 'nats://127.0.0.1:1', credentialsFile: '/nowhere/user.creds' });
    await expect(bus.emitAsync('x', 1)).rejects.toThrow("cannot read 'connection.credentialsFile': ENOENT");
  });

  it('fails at start after a while, with the address, and says at once that it waits', async () => {
    const port = await freePort();
    const bus = connected(`nats://127.0.0.1:${port}`);
    bus.on('x', () => undefined);
    await expect(bus.start()).rejects.toThrow(`127.0.0.1:${port} within 500 ms`);
    expect(reported.map(({ message }) => message).join()).toContain('It tries again');
  });

  it('is made once the server is there', async () => {
    const port = await freePort();
    const handled: unknown[] = [];
    const bus = connected(`nats://127.0.0.1:${port}`, 15_000);
    bus.on('x', ({ data }) => void handled.push(data));
    const starting = bus.start();
    await waitFor(() => reported.length > 0);
    server = await startNats({ port });
    await starting;
    await bus.emitAsync('x', 1);
    await waitFor(() => handled.length === 1);
  });

  it('says that a server has no JetStream', async () => {
    server = await startNats({ jetstream: false });
    const bus = connected(server.url);
    await expect(bus.emitAsync('x', 1)).rejects.toThrow('Start it with JetStream (nats-server -js)');
  });

  it('says that a server takes only smaller messages', async () => {
    server = await startNats({ config: 'max_payload: 65536' });
    await expect(connected(server.url).emitAsync('x', 1)).rejects.toThrow(
      "takes messages of 65536 bytes (max_payload), and option 'maxEventBytes'",
    );
  });

  it('is neither doubled nor lost by restarts of the server: each event is handled once, over every one of them', async () => {
    server = await startNats();
    const handled: unknown[] = [];
    const bus = connected(server.url, 5000);
    bus.on('x', ({ data }) => void handled.push(data));
    await bus.start();
    for (let i = 0; i < 3; i++) {
      // In good order: a server that is killed may forget the latest acknowledgements.
      await server.restart();
      await bus.emitAsync('x', i);
      await waitFor(() => handled.includes(i), { timeoutMs: 10_000 });
      await bus.idle({ timeoutMs: 10_000 });
    }
    expect(handled).toEqual([0, 1, 2]);
  });
});
