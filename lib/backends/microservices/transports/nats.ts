import { type NatsContext, ServerNats } from '@nestjs/microservices';
import type { Carrier } from '../carrier.js';
import { channelOf, reachOf, upTo } from '../channels.js';

/** What both versions of the client can do. */
interface NatsClient {
  flush(): Promise<void>;
}

/** They come back from everything, and notice a dead server in seconds. */
const CONNECTION = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 200,
  pingInterval: 2000,
  maxPingOut: 2,
};

/** A subject may neither begin nor end with a dot, nor have two in a row. */
const RULES = { reserved: /[%*>\s\p{Cc}]|^\.|\.$|(?<=\.)\./gu, maxBytes: 255 };
const exact = (type: string) => channelOf(type, RULES);

/** Core NATS. The processes of a service are a queue group. */
export const nats: Carrier = {
  name: 'NATS',
  packages: [['@nats-io/transport-node', 'nats']],
  shares: true,
  clientOptions: (options) => ({ ...CONNECTION, ...options }),
  serverOptions: (options, { group }) => ({ ...CONNECTION, queue: queueName(group), ...options }),
  makeServer: (options) => new ServerNats(options),
  channelOf: exact,
  subscriptions(prefix, patterns) {
    const below = (literal: string) => {
      const tokens = upTo('.', literal);
      return tokens === '' ? upTo('.', prefix) : `${prefix}${exact(tokens.slice(0, -1))}.`;
    };
    return reachOf(patterns, (type) => prefix + exact(type), below).map(({ text, open }) =>
      open ? `${text}>` : text,
    );
  },
  channelFrom: (context) => (context as NatsContext).getSubject(),
  // emit() only hands the event to the client. What comes back from the server is behind it.
  confirm: (client) => client.unwrap<NatsClient>().flush(),
  arrived: (server) => (server.unwrap() as NatsClient).flush(),
};

function queueName(group: string): string {
  return channelOf(group, { ...RULES, reserved: /[%*>.\s\p{Cc}]/gu });
}
