import { EventPublishError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { Delivery, HandlerRetry, PublishOptions, PublishReceipt } from '../backend.js';
import { notStored } from '../shared/publishing.js';
import { messageIdOf } from './envelopes.js';
import type { Link } from './link.js';
import { storedDueAt, SOON_MS } from './message.js';
import type { Names } from './names.js';
import { USER } from './options.js';
import { deleteMessage, lastMessage } from './stored-message.js';

/** What is due sooner than this is left alone: it may be in the hands of a process before it can be taken back. */
const KEEP_OFF_MS = 50;

/** Puts events where the consumers of the groups find them, and takes back those that wait for their time. */
export class Placement {
  /**
   * @param link Connects on first use.
   * @param opened The link, where there is one already.
   */
  constructor(
    private readonly link: () => Promise<Link>,
    private readonly opened: () => Link | undefined,
    private readonly names: Names,
  ) {}

  /** @param wire The event as it is sent. */
  put(event: Event, wire: string, options?: PublishOptions): Promise<PublishReceipt | void> {
    const link = this.opened();
    return link === undefined ? this.#putFirst(event, wire, options) : this.#send(link, event, wire, options);
  }

  /** Stores a retry for one handler of a group. @param id The same id is stored once. */
  async retry(group: string, event: Event, retry: HandlerRetry, id: string): Promise<void> {
    const { publisher, envelopes } = await this.link();
    await publisher.publish(envelopes.retry(group, event, retry, retry.delayMs, id));
  }

  /** Stores a delivery for one handler of a group, for now. */
  async redeliver(group: string, event: Event, delivery: Delivery): Promise<void> {
    const { publisher, envelopes } = await this.link();
    await publisher.publish(envelopes.retry(group, event, delivery, 0, undefined));
  }

  /**
   * Takes back an event that is not due, of this source or with an id that is unique by itself.
   *
   * @throws {EventPublishError} when nobody knows whether it was delivered before.
   */
  async cancel(id: string, source: string): Promise<boolean> {
    const { requests } = await this.link();
    const { stream } = this.names;
    const message = await lastMessage(requests, stream, this.names.delayed(messageIdOf({ id, source })));
    if (message === undefined) return false;
    const dueAt = storedDueAt(message.headers);
    if (Date.now() > dueAt - KEEP_OFF_MS) return false;
    const taken = await deleteMessage(requests, stream, message.seq);
    if (taken === false) return false; // somebody else took it back
    if (taken === true && Date.now() < dueAt - SOON_MS) return true;
    throw new EventPublishError(
      `JetStream answered so late that the event '${id}' may have been delivered before it was taken back.`,
    );
  }

  async #putFirst(event: Event, wire: string, options?: PublishOptions): Promise<PublishReceipt | void> {
    let link: Link;
    try {
      link = await this.link();
    } catch (cause) {
      throw notStored(USER, cause);
    }
    return this.#send(link, event, wire, options);
  }

  #send(link: Link, event: Event, wire: string, options?: PublishOptions): Promise<PublishReceipt | void> {
    const stored = link.publisher.publish(link.envelopes.event(event, wire, options));
    return options?.deduplicate === true ? stored : this.#evenAgain(link, event, wire, options, stored);
  }

  /** Nobody asked for an event to be left out that the stream has already. */
  async #evenAgain(
    { publisher, envelopes }: Link,
    event: Event,
    wire: string,
    options: PublishOptions | undefined,
    stored: Promise<PublishReceipt | void>,
  ): Promise<void> {
    if ((await stored)?.duplicate !== true) return;
    await publisher.publish(envelopes.anotherEvent(event, wire, options));
  }
}
