import type { ClientProxy, RmqContext } from '@nestjs/microservices';
import { EventConfigurationError } from '../../../errors.js';
import type { Carrier, TransportOptions } from '../carrier.js';
import { channelOf, reachOf, upTo } from '../channels.js';
import { DurableClientRMQ, DurableServerRMQ } from './rmq-sides.js';

/** What is used of the client. */
interface AmqpChannel {
  ack(message: unknown): void;
}

/** They notice a dead broker in seconds, and come back. */
const SOCKET = { heartbeatIntervalInSeconds: 3, reconnectTimeInSeconds: 1 };
const EXCHANGE = 'events';

/** A routing key has 255 bytes at most, and leaves some to the prefix. */
const RULES = { reserved: /[%*#]/gu, maxBytes: 191 };
const exact = (type: string) => channelOf(type, RULES);

/** RabbitMQ, with a queue for each service that stays. What is not acknowledged comes again. */
export const rmq: Carrier = {
  name: 'RabbitMQ',
  packages: [['amqplib'], ['amqp-connection-manager']],
  shares: true,
  clientOptions: (options) => ({ persistent: true, ...withExchange(options) }),
  serverOptions(options, { group, concurrency }) {
    if (options['noAck'] === true) {
      throw new EventConfigurationError(
        "Option 'options.noAck' of MicroservicesBackend is true: RabbitMQ would forget events before they are handled. Leave it out.",
      );
    }
    const routed = withExchange(options);
    const queue = `${String(routed['exchange'])}.${group}`;
    return { queue, prefetchCount: concurrency, ...routed, noAck: false };
  },
  makeClient: (options): ClientProxy => new DurableClientRMQ(options) as never,
  makeServer: (options) => new DurableServerRMQ(options),
  channelOf: exact,
  subscriptions(prefix, patterns) {
    const below = (literal: string) => {
      const words = upTo('.', literal);
      return words === '' ? upTo('.', prefix) : `${prefix}${exact(words)}`;
    };
    return reachOf(patterns, (type) => prefix + exact(type), below).map(({ text, open }) =>
      open ? `${text}#` : text,
    );
  },
  channelFrom(context) {
    const { fields } = (context as RmqContext).getMessage() as { fields: { routingKey: string } };
    const pattern: string | undefined = (context as RmqContext).getPattern();
    return pattern ?? fields.routingKey;
  },
  arrived: async (server) => (server instanceof DurableServerRMQ ? server.left() : 0),
  acknowledge(context) {
    const from = context as RmqContext;
    try {
      (from.getChannelRef() as AmqpChannel).ack(from.getMessage());
    } catch {
      // The channel is gone, and RabbitMQ hands the event out again.
    }
  },
  redelivered: (context) =>
    ((context as RmqContext).getMessage()['fields'] as { redelivered: boolean }).redelivered,
};

/** Whoever names a queue alone sends to it and nowhere else; all others have an exchange that parts by name. */
function withExchange(options: TransportOptions): TransportOptions {
  const own = { ...options, socketOptions: { ...SOCKET, ...(options['socketOptions'] as object) } };
  const { queue, wildcards, exchange = EXCHANGE } = options;
  return queue !== undefined && wildcards !== true ? own : { ...own, wildcards: true, exchange };
}
