import { Redis } from 'ioredis';
import type { Link, Transport } from './transport.js';

/** The server beside what is measured. What a case leaves there is removed. */
export interface Server {
  /** Processor time it has used so far, where it can tell. */
  readonly cpuNs: () => Promise<number | undefined>;
}

/** Lets a server be used by one case. */
export function useServer<T>(
  link: Link,
  transport: Transport,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  return link.url.startsWith('redis:') ? useRedis(link.url, work) : useOther(link, transport, work);
}

async function useOther<T>(
  link: Link,
  { remove }: Transport,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  try {
    return await work({ cpuNs: () => Promise.resolve(undefined) });
  } finally {
    await remove?.(link);
  }
}

/** It is emptied before and after. */
async function useRedis<T>(url: string, work: (server: Server) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  const cpuNs = async () => {
    const info = await client.info('cpu');
    const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
      Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)![1]),
    );
    return seconds.reduce((sum, each) => sum + each, 0) * 1e9;
  };
  try {
    await client.flushall();
    return await work({ cpuNs });
  } finally {
    await client.flushall();
    client.disconnect();
  }
}

/** Processor time per operation between two looks. */
export function cpuEach(
  before: number | undefined,
  after: number | undefined,
  operations: number,
): number | undefined {
  return before === undefined || after === undefined ? undefined : (after - before) / operations;
}
