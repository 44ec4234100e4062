import { type Channel, connect } from 'amqplib';
import type { Link } from '../transport.js';

/** Does something on a channel of its own. */
export async function withChannel(
  { url }: Link,
  work: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  const connection = await connect(url);
  try {
    await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

/** Removes what any of the transports of one run has at the broker. */
export function removeAll(link: Link): Promise<void> {
  const { namespace } = link;
  const endings = ['', ':bench', ':bench:suspects', ':bench:dead', '::scheduled', '::unrouted'];
  return withChannel(link, async (channel) => {
    for (const ending of endings) await channel.deleteQueue(namespace + ending);
    await channel.deleteExchange(namespace);
  });
}
