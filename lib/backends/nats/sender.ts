// Not the global, so that the fake timers of a test do not stop publishing.
import { setImmediate } from 'node:timers';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { CONTENT_TYPE } from '../../clients/nats/cloud-event-message.js';
import type { NatsClient } from '../../clients/nats/connection.js';
import { loadTransport } from '../../clients/nats/load.js';
import { subjectOf } from '../../clients/nats/subject.js';
import { inTime } from '../../clients/in-time.js';
import { EventConfigurationError, EventPublishError } from '../../errors.js';
import type { Event } from '../../event.js';
import { Opening } from '../shared/opening.js';
import { type ResolvedNatsOptions, USER } from './options.js';

/** Room in a message for its headers. */
const HEADROOM_BYTES = 1024;

interface Line {
  readonly nc: NatsConnection;
  readonly headers: MsgHdrs;
}

/** Sends events, and asks once for all of a turn of the event loop whether the server has them. */
export class Sender {
  readonly #opening = new Opening(() => this.#open());
  #confirming: Promise<void> | undefined;
  #unconfirmed = 0;

  /** @param prefix Of the subjects. */
  constructor(
    private readonly client: NatsClient,
    private readonly prefix: string,
    private readonly options: ResolvedNatsOptions,
  ) {}

  /** Events that the server has not confirmed. */
  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  /** The connection; opened on first use. @throws {EventConfigurationError} when its messages are too small. */
  async connection(): Promise<NatsConnection> {
    return (await this.#opening.get()).nc;
  }

  /** Resolves when the server has the event. @param wire The event as it is sent. */
  async send({ type }: Event, wire: string): Promise<void> {
    this.#unconfirmed++;
    try {
      const { nc, headers } = await this.#opening.get();
      // What is sent without a connection would wait for one, and who is there then is anybody's guess.
      if (!this.client.connected)
        throw new EventPublishError(`${USER} is not connected: the event was not sent.`);
      nc.publish(`${this.prefix}.${subjectOf(type)}`, wire, { headers });
      await (this.#confirming ??= this.#confirm(nc));
    } finally {
      this.#unconfirmed--;
    }
  }

  /** Resolves when nothing is being confirmed, or opened. */
  async settled(): Promise<void> {
    await this.#opening.settled();
    await this.#confirming?.catch(() => undefined); // whoever sent it was told
  }

  async #confirm(nc: NatsConnection): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#confirming = undefined;
    await inTime('NATS', this.options.publishTimeoutMs, nc.flush());
  }

  async #open(): Promise<Line> {
    const { headers } = await loadTransport(USER);
    const nc = await this.client.open();
    const { maxEventBytes } = this.options;
    const max = nc.info?.max_payload ?? Infinity;
    if (max < maxEventBytes + HEADROOM_BYTES) {
      throw new EventConfigurationError(
        `The NATS server takes messages of ${max} bytes (max_payload), and option 'maxEventBytes' of ${USER} is ${maxEventBytes}, which needs ${maxEventBytes + HEADROOM_BYTES}. Lower the option or raise max_payload.`,
      );
    }
    const head = headers();
    head.set('Content-Type', CONTENT_TYPE);
    return { nc, headers: head };
  }
}
