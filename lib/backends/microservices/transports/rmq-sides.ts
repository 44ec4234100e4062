import { ClientRMQ, ServerRMQ } from '@nestjs/microservices';

/** What is used of a channel that comes back with its connection. */
interface ChannelWrapper {
  on(event: 'error', listener: () => void): unknown;
  checkQueue(queue: string): Promise<{ messageCount: number }>;
}

interface ConnectionManager {
  createChannel(options: unknown): ChannelWrapper;
}

type ConsumingChannel = Parameters<ServerRMQ['setupChannel']>[0];

/** A client that bears the loss of a connection at any moment. */
export class DurableClientRMQ extends ClientRMQ {
  override createClient(): ReturnType<ClientRMQ['createClient']> {
    return bearing(super.createClient());
  }
}

/** A server that bears the loss of a connection at any moment, and knows how much is left in its queue. */
export class DurableServerRMQ extends ServerRMQ {
  /** Nest 11 does not wait for it. */
  override createClient<T>(): Promise<T> {
    const made: unknown = super.createClient<T>();
    return (made instanceof Promise ? made.then(bearing) : bearing(made)) as Promise<T>;
  }

  /** Nest does not wait for its consumer: a connection that is lost meanwhile would end the process. */
  override setupChannel(
    channel: ConsumingChannel,
    callback: Parameters<ServerRMQ['setupChannel']>[1],
  ): Promise<void> {
    const consumer = channel as { consume(...args: unknown[]): Promise<unknown> };
    const consume = consumer.consume.bind(channel);
    consumer.consume = (...args) => {
      const consuming = consume(...args);
      consuming.catch(() => undefined); // the next connection consumes
      return consuming;
    };
    return super.setupChannel(channel, callback);
  }

  /** Resolves with what waits in the queue, once this consumes. */
  async left(): Promise<number> {
    const channel = this.channel as ChannelWrapper | null;
    return channel === null ? 0 : (await channel.checkQueue(this.queue)).messageCount;
  }
}

/** A channel that could not be set up says so by an event that ends the process unless somebody listens. */
function bearing<T>(manager: T): T {
  const connections = manager as ConnectionManager;
  const create = connections.createChannel.bind(manager);
  connections.createChannel = (options) => {
    const channel = create(options);
    channel.on('error', () => undefined); // the next connection sets it up again
    return channel;
  };
  return manager;
}
