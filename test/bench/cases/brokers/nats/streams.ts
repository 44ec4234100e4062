import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Link } from '../transport.js';

/** Removes the streams of one run. */
export async function removeStreams({ url, namespace }: Link): Promise<void> {
  const connection = await connect({ servers: url });
  const { streams } = await jetstreamManager(connection);
  for await (const name of streams.names()) if (name.startsWith(namespace)) await streams.delete(name);
  await connection.close();
}
