import type { JetStreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import type { NatsClient } from '../../clients/nats/connection.js';
import { loadJetStream, loadTransport } from '../../clients/nats/load.js';
import { NoRespondersError, Requests } from '../../clients/nats/requests.js';
import { EventConfigurationError, EventError, EventPublishError } from '../../errors.js';
import { toError } from '../../dispatch/failure.js';
import { Envelopes } from './envelopes.js';
import type { ConsumerName, Names } from './names.js';
import { type ResolvedOptions, USER } from './options.js';
import { Publisher } from './publisher.js';
import { Topology } from './topology.js';

/** Room in a message for what is told beside the event: the history of its tries, mostly. */
const HEADROOM_BYTES = 256 * 1024;

/** Everything that is there once there is a connection. */
export interface Link {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly requests: Requests;
  readonly publisher: Publisher;
  readonly topology: Topology;
  readonly envelopes: Envelopes;
  /** A subject that is unique to this link, without wildcards. */
  readonly inbox: string;
  readonly headers: () => MsgHdrs;
}

/**
 * Connects, and has streams and consumers in place.
 *
 * @throws {EventConfigurationError} when the server is set up in a way that cannot work.
 */
export async function openLink(
  client: NatsClient,
  names: Names,
  options: ResolvedOptions,
  consumers: () => readonly ConsumerName[],
): Promise<Link> {
  const { publishTimeoutMs, maxEventBytes } = options;
  const [{ createInbox, headers }, { jetstreamManager }] = await Promise.all([
    loadTransport(USER),
    loadJetStream(USER),
  ]);
  const nc = await client.open();
  const max = nc.info?.max_payload ?? 0;
  if (max > 0 && max < maxEventBytes + HEADROOM_BYTES) {
    throw new EventConfigurationError(
      `The NATS server takes messages of ${max} bytes (max_payload), and option 'maxEventBytes' of ${USER} is ${maxEventBytes}, which needs ${maxEventBytes + HEADROOM_BYTES}. Lower the option or raise max_payload.`,
    );
  }
  // Not in the type of a connection, and part of what an account may be allowed.
  const { inboxPrefix } = (nc as { options?: { inboxPrefix?: string } }).options ?? {};
  const inbox = createInbox(inboxPrefix);
  const requests = new Requests(nc, `${inbox}.reply`, publishTimeoutMs, () => client.connected);
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: publishTimeoutMs });
  const topology = new Topology(jsm, names, options, consumers);
  const publisher = new Publisher(requests, publishTimeoutMs, () => topology.ensure());
  return {
    nc,
    jsm,
    requests,
    publisher,
    topology,
    envelopes: new Envelopes(names, headers),
    inbox,
    headers,
  };
}

/** An error of the server in words that say what to do. */
export function explained(error: unknown): Error {
  if (error instanceof EventError) return error;
  const cause = toError(error);
  const none =
    cause instanceof NoRespondersError ||
    cause.name === 'NoRespondersError' ||
    cause.name === 'JetStreamNotEnabled';
  return new EventPublishError(
    none
      ? `${USER} found no JetStream on the server. Start it with JetStream (nats-server -js), and allow it for the account.`
      : `${USER} could not set up its streams: ${cause.message}`,
    { cause },
  );
}
