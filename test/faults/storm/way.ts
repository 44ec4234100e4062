import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import type { Broker } from '../brokers/servers.js';

/** How a process comes to its events. */
export interface Way {
  readonly url: string;
  /** In front of a server; there is none in front of a file. */
  readonly proxy?: TcpProxy;
}

export async function wayTo(broker: Broker): Promise<Way> {
  if (!('port' in broker)) return { url: broker.url };
  const proxy = await startTcpProxy(broker.port);
  return { url: proxy.inFrontOf(broker.url), proxy };
}
