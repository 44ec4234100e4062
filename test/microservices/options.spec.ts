import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ClientProxy, Transport } from '@nestjs/microservices';
import { createEventBus } from 'nestjs-durable-events';
import { MicroservicesBackend, type MicroservicesOptions } from 'nestjs-durable-events/microservices';
import { channelOf, typeOf } from '../../lib/backends/microservices/channels.js';
import { mqtt } from '../../lib/backends/microservices/transports/mqtt.js';
import { nats } from '../../lib/backends/microservices/transports/nats.js';
import { redis } from '../../lib/backends/microservices/transports/redis.js';
import { rmq } from '../../lib/backends/microservices/transports/rmq.js';
import { freePort } from '../support/free-port.js';

Logger.overrideLogger(false); // the failures are meant

/** A client of a team's own making. */
class OwnClient extends ClientProxy {
  readonly sent: unknown[] = [];
  closed = false;
  override connect = async () => undefined;
  override close = () => (this.closed = true);
  override unwrap = () => undefined as never;
  protected override publish = () => () => undefined;
  protected override dispatchEvent<T>(packet: { pattern: unknown; data: unknown }): Promise<T> {
    this.sent.push(packet);
    return Promise.resolve(undefined as T);
  }
}

describe('options of MicroservicesBackend', () => {
  it.each<[object, RegExp]>([
    [{}, /needs a 'transport'/],
    [{ transport: Transport.KAFKA }, /'transport' .* is 'KAFKA'\. Set it to Transport\.NATS, RMQ/],
    [{ transport: Transport.NATS, payload: 'all' }, /'payload' .* is 'all'/],
    [{ transport: Transport.NATS, group: '' }, /'group' of MicroservicesBackend is ''/],
    [{ transport: Transport.NATS, concurrency: 0 }, /'concurrency' .* is 0/],
    [{ transport: Transport.NATS, maxQueued: -1 }, /'maxQueued' .* is -1/],
    [{ transport: Transport.NATS, publishTimeoutMs: 0 }, /'publishTimeoutMs' .* is 0/],
    [{ transport: Transport.NATS, connectTimeoutMs: 0.5 }, /'connectTimeoutMs' .* is 0\.5/],
    [{ transport: Transport.NATS, maxEventBytes: 0 }, /'maxEventBytes' .* is 0/],
  ])('%j is refused', (options, message) => {
    expect(() => new MicroservicesBackend(options as MicroservicesOptions)).toThrow(message);
  });

  it.each<[string, (port: number) => object]>([
    [
      'NATS',
      (port) => ({
        transport: Transport.NATS,
        options: { servers: `127.0.0.1:${port}`, user: 'u', pass: 'top-secret' },
      }),
    ],
    [
      'Redis',
      (port) => ({
        transport: Transport.REDIS,
        options: { host: '127.0.0.1', port, password: 'top-secret' },
      }),
    ],
    [
      'MQTT',
      (port) => ({ transport: Transport.MQTT, options: { url: `mqtt://u:top-secret@127.0.0.1:${port}` } }),
    ],
    [
      'RabbitMQ',
      (port) => ({ transport: Transport.RMQ, options: { urls: [`amqp://u:top-secret@127.0.0.1:${port}`] } }),
    ],
    ['TCP', (port) => ({ transport: Transport.TCP, options: { host: '192.0.2.1', port } })],
  ])(
    '%s that is not there fails the start and each publish in time, and shows no password',
    async (name, options) => {
      const backend = new MicroservicesBackend({
        ...(options(await freePort()) as MicroservicesOptions),
        group: 'orders',
        connectTimeoutMs: 400,
        publishTimeoutMs: 400,
      });
      const bus = createEventBus({ backend });
      const told: string[] = [];
      bus.errors.subscribe(({ error }) => void told.push(`${error.message} ${error.stack}`));
      bus.on('x', () => undefined);
      const refused = async (work: Promise<unknown>) => {
        const error = await work.then(
          () => undefined,
          (failure: Error) => failure,
        );
        expect(error).toBeInstanceOf(Error);
        told.push(`${error!.message} ${error!.stack} ${String(error!.cause)}`);
        return error!.message;
      };
      expect(await refused(bus.start())).toMatch(`could not listen to ${name} within 400 ms`);
      expect(await refused(bus.emitAsync('x', 1))).toMatch(
        `MicroservicesBackend (${name}) did not take the event`,
      );
      expect((await bus.health()).status).toBe('down');
      await bus.close();
      expect(told.join()).not.toMatch('top-secret');
    },
  );

  it('a client of the caller carries events, and is not closed', async () => {
    const client = new OwnClient();
    const bus = createEventBus(new MicroservicesBackend({ client, prefix: 'shop.' }));
    const { id } = await bus.emitAsync('order.placed', { total: 3 });
    await bus.close();
    expect(client.sent).toEqual([
      {
        pattern: 'shop.order.placed',
        data: expect.objectContaining({ id, type: 'order.placed', data: { total: 3 } }),
      },
    ]);
    expect(client.closed).toBe(false);
  });

  it('a client alone consumes nothing, and says so', async () => {
    const bus = createEventBus(new MicroservicesBackend({ client: new OwnClient(), group: 'orders' }));
    bus.on('x', () => undefined);
    await expect(bus.start()).rejects.toThrow(/needs a 'server' to consume/);
    await bus.close();
  });

  it('an unknown transport has no wildcards, and says so', async () => {
    const bus = createEventBus(new MicroservicesBackend({ client: new OwnClient(), group: 'orders' }));
    bus.on('order.*', () => undefined);
    await expect(bus.start()).rejects.toThrow(/cannot listen to 'order\.\*'/);
    await bus.close();
  });

  it('events without data are refused with payload: data, because Nest sends none', async () => {
    const bus = createEventBus(new MicroservicesBackend({ client: new OwnClient(), payload: 'data' }));
    await expect(bus.emitAsync('x')).rejects.toThrow(/Event 'x' has no data/);
    await bus.close();
  });
});

describe('channels', () => {
  it('are the names of events as they are, and others only where a character means something', () => {
    for (const carrier of [nats, redis, mqtt, rmq]) {
      expect(carrier.channelOf('order.placed')).toBe('order.placed');
      expect(carrier.channelOf('after:signup')).toBe('after:signup');
    }
    expect(nats.channelOf('a b.>..c.')).toBe('a%20b.%3E.%2Ec%2E');
    expect(mqtt.channelOf('$a+b#c/d')).toBe('%24a%2Bb%23c/d');
    expect(rmq.channelOf('a#b')).toBe('a%23b');
    expect(rmq.channelOf('l'.repeat(400))).toMatch(/^%[0-9a-f]{64}$/);
  });

  it('say which event they are for', () => {
    for (const type of ['order.placed', 'a b.>..c.', '日本語', '100%']) {
      expect(typeOf(nats.channelOf(type))).toBe(type);
      expect(typeOf(mqtt.channelOf(type))).toBe(type);
    }
    expect(channelOf('a%2Eb', { reserved: /%/gu, maxBytes: 255 })).toBe('a%252Eb');
  });

  it('are listened to by as little as the transport can say', () => {
    const patterns = ['order.placed', 'order.**', 'order.*.late', 'after:*', 'x'];
    expect(nats.subscriptions('shop.', ['order.placed', 'order.*', 'x'], 'g')).toEqual([
      'shop.order.>',
      'shop.x',
    ]);
    expect(nats.subscriptions('shop.', patterns, 'g')).toEqual(['shop.>']);
    expect(redis.subscriptions('', patterns, 'g')).toEqual(['order.*', 'after:*', 'x']);
    expect(redis.subscriptions('[a]', ['x'], 'g')).toEqual(['\\[a\\]x']);
    expect(rmq.subscriptions('', ['order.placed', 'order.*', 'x'], 'g')).toEqual(['order.#', 'x']);
    expect(mqtt.subscriptions('shop/', ['order.placed', 'x'], 'g/1')).toEqual([
      '$share/g%2F1/shop/order.placed',
      '$share/g%2F1/shop/x',
    ]);
    expect(mqtt.subscriptions('shop/', patterns, 'g')).toEqual(['$share/g/shop/#']);
  });
});
