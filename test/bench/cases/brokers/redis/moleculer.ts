import { peer } from '../peers.js';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';

const CHANNEL = 'bench';
/** Its default of 1 is ten times as slow. */
const IN_FLIGHT = 100;

interface Broker {
  start(): Promise<void>;
  stop(): Promise<void>;
  createService(schema: object): unknown;
  sendToChannel(channel: string, payload: Payload): Promise<void>;
}

const { ServiceBroker } = peer<{ ServiceBroker: new (options: object) => Broker }>('moleculer');
const { Middleware } = peer<{ Middleware: (options: object) => object }>('@moleculer/channels');

function brokerOf({ url }: Link): Broker {
  const { hostname: host, port } = new URL(url);
  const options = { redis: { host, port: Number(port) }, maxInFlight: IN_FLIGHT };
  return new ServiceBroker({
    nodeID: `bench-${process.pid}`,
    logger: false,
    middlewares: [Middleware({ adapter: { type: 'Redis', options } })],
  });
}

/** Channels of Moleculer on Redis Streams. */
export const moleculer: Transport = {
  prepare: () => Promise.resolve(),
  produce: async (link) => {
    const broker = brokerOf(link);
    await broker.start();
    return {
      send: (payload) => broker.sendToChannel(CHANNEL, payload),
      close: () => broker.stop(),
    };
  },
  consume: async (link, handle) => {
    const broker = brokerOf(link);
    const handler = async (payload: Payload) => handle(payload);
    broker.createService({
      name: 'bench',
      channels: { [CHANNEL]: { group: 'bench', maxInFlight: IN_FLIGHT, handler } },
    });
    await broker.start();
    return { close: () => broker.stop() };
  },
};
