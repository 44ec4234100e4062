import { randomUUID } from 'node:crypto';
import type { MsgHdrs } from '@nats-io/transport-node';
import { CONTENT_TYPE } from '../../clients/nats/cloud-event-message.js';
import { tokenOf } from '../../clients/nats/subject.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Delivery, PublishOptions } from '../backend.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';
import { DELIVERY, NOT_BEFORE } from './message.js';
import type { Names } from './names.js';
import type { NewMessage } from './publisher.js';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** Names of events repeat endlessly: their subjects are made once, within a bound. */
const MOST_SUBJECTS = 1000;

/** Puts events into messages: CloudEvents in structured mode of the NATS binding. */
export class Envelopes {
  readonly #subjects = new Map<string, string>();

  constructor(
    private readonly names: Names,
    private readonly headers: () => MsgHdrs,
  ) {}

  /** An event for every group. */
  event(event: Event, wire: string, { delayMs = 0 }: PublishOptions = {}): NewMessage {
    return this.#message(event, wire, delayMs, messageIdOf(event));
  }

  /** The same as a message of its own, whatever the stream has. */
  anotherEvent(event: Event, wire: string, { delayMs = 0 }: PublishOptions = {}): NewMessage {
    return this.#message(event, wire, delayMs, `${messageIdOf(event)}~${randomUUID()}`);
  }

  /**
   * An event for one handler of a group.
   *
   * @param id The same id is stored once. Absent: each call stores one.
   */
  retry(
    group: string,
    event: Event,
    delivery: Delivery,
    delayMs: number,
    id: string | undefined,
  ): NewMessage {
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = delivery;
    const facts: DeliveryFacts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    const headers = this.headers();
    if (id !== undefined) headers.set('Nats-Msg-Id', `${tokenOf(group)}~${tokenOf(id)}`);
    headers.set('Content-Type', CONTENT_TYPE);
    headers.set(DELIVERY, JSON.stringify(facts));
    if (delayMs > 0) headers.set(NOT_BEFORE, String(Date.now() + delayMs));
    return { subject: this.names.retry(group), data: encodeEvent(event), headers };
  }

  #message(event: Event, wire: string, delayMs: number, id: string): NewMessage {
    const headers = this.headers();
    headers.set('Nats-Msg-Id', id);
    headers.set('Content-Type', CONTENT_TYPE);
    if (delayMs <= 0) return { subject: this.#subjectOf(event.type), data: wire, headers };
    headers.set(NOT_BEFORE, String(Date.now() + delayMs));
    return { subject: this.names.delayed(messageIdOf(event)), data: wire, headers };
  }

  #subjectOf(type: string): string {
    let subject = this.#subjects.get(type);
    if (subject === undefined) {
      subject = this.names.event(type);
      if (this.#subjects.size < MOST_SUBJECTS) this.#subjects.set(type, subject);
    }
    return subject;
  }
}

/**
 * The id by which the stream knows an event. A UUID is unique by itself; another id of an emitter is so only together
 * with its name.
 */
export function messageIdOf({ id, source }: Pick<Event, 'id' | 'source'>): string {
  return UUID.test(id) ? id : `${tokenOf(id)}@${tokenOf(source)}`;
}
