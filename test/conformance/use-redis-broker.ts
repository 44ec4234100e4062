import { Redis } from 'ioredis';
import { startRedis } from '../support/services/redis.js';
import { type Broker, useBroker } from './use-broker.js';

/** A Redis for the cases of a file. */
export interface RedisBroker extends Broker {
  /** Past the proxy. */
  readonly client: Redis;
}

export function useRedisBroker(): RedisBroker {
  const broker = useBroker({
    start: startRedis,
    external: 'REDIS_URL',
    connect: async (url) => {
      const client = new Redis(url);
      client.on('error', () => undefined); // the outages are meant
      Object.assign(broker, { client });
      return () => client.disconnect();
    },
  });
  return broker as RedisBroker;
}
