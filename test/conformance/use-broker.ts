import { afterAll, beforeAll } from '@jest/globals';
import type { ConformanceOptions } from 'nestjs-durable-events/testing';
import type { TestServer } from '../support/services/private-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** A broker for the cases of a file, behind a proxy that can spoil the network. */
export interface Broker {
  /** Through the proxy. */
  readonly url: string;
  readonly server: TestServer;
  /** What the kit may do to it. */
  readonly hooks: Pick<ConformanceOptions, 'outage' | 'strand'>;
}

/** How to get it. */
export interface BrokerSettings {
  readonly start: () => Promise<TestServer>;
  /**
   * Variable with the URL of somebody's server, which is not ours to kill: the cases about outages are then skipped, and
   * say so.
   */
  readonly external: string;
  /** Opens connections of the tests' own, past the proxy. What it returns closes them. */
  readonly connect?: (url: string) => Promise<() => unknown>;
}

export function useBroker({ start, external, connect }: BrokerSettings): Broker {
  let proxy: TcpProxy;
  let disconnect: (() => unknown) | undefined;
  const broker: { url: string; server: TestServer; hooks: Broker['hooks'] } = {
    url: '',
    server: undefined as never, // until the tests begin
    hooks: {
      strand: async () => proxy.strand(),
      outage:
        process.env[external] === undefined
          ? async () => {
              await broker.server.kill9();
              return () => broker.server.restart();
            }
          : undefined,
    },
  };
  beforeAll(async () => {
    broker.server = await start();
    proxy = await startTcpProxy(broker.server.port);
    const address = new URL(broker.server.url);
    address.hostname = '127.0.0.1';
    address.port = String(proxy.port);
    broker.url = address.href;
    disconnect = await connect?.(broker.server.url);
  });
  afterAll(async () => {
    await disconnect?.();
    await proxy.close();
    await broker.server.stop();
  });
  return broker;
}
