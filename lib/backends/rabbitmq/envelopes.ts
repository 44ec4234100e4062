import type { Message, Options } from 'amqplib';
import { CONTENT_TYPE, readEvent, textOf } from '../../clients/amqp/cloud-event-message.js';
import type { Outgoing } from '../../clients/amqp/confirmed-sender.js';
import type { Event } from '../../event.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';
import type { Delivery } from '../backend.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';
import { fits, type Names } from './names.js';

/** Of messages for one handler: `{ "delivery": …, "event": … }`, the event a CloudEvent. */
const DELIVERY_TYPE = 'application/vnd.nestjs-durable-events.delivery+json';
/** Header: Unix milliseconds before which the message must not reach a handler. */
const NOT_BEFORE = 'events-not-before';
/** Header: the message has been in the hands of a process before. */
const REDELIVERED = 'events-redelivered';
/** Header: how often processes had begun with the message and not finished it, before it came to this queue. */
const BEGUN = 'events-begun';
/** Header of quorum queues: how often the message came back without being settled. */
const DELIVERY_COUNT = 'x-delivery-count';

/** What a message holds. */
export interface Content {
  readonly event: Event;
  readonly facts: DeliveryFacts | undefined;
}

/** Puts events into messages: CloudEvents in structured mode. */
export class Envelopes {
  constructor(private readonly names: Names) {}

  /** An event for every group. */
  event(event: Event, wire: string): Outgoing {
    return {
      exchange: this.names.exchange,
      routingKey: this.names.routingKey(event.type),
      content: wire,
      options: propertiesOf(event),
      plain: true,
    };
  }

  /** The same for a queue, that is to be given to a handler or to everybody at a certain time. */
  eventAt(event: Event, wire: string, queue: string, notBefore: number): Outgoing {
    const options = { ...propertiesOf(event), headers: { [NOT_BEFORE]: notBefore } };
    return { exchange: '', routingKey: queue, content: wire, options };
  }

  /** An event for one handler of the group that has the queue. @param notBefore In Unix milliseconds. */
  delivery(queue: string, event: Event, delivery: Delivery, notBefore: number): Outgoing {
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = delivery;
    const facts: DeliveryFacts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    const json = `{"delivery":${JSON.stringify(facts)},"event":${encodeEvent(event)}}`;
    const options = {
      ...propertiesOf(event),
      contentType: DELIVERY_TYPE,
      headers: notBefore > 0 ? { [NOT_BEFORE]: notBefore } : {},
    };
    return { exchange: '', routingKey: queue, content: json, options };
  }
}

/** The message as it came, for a queue. Of what the broker noted on its way, nothing is kept. */
export function sameAgain({ content, properties }: Message, queue: string): Outgoing & { content: Buffer } {
  const { contentType, messageId, type, appId, timestamp, headers } = properties;
  return {
    exchange: '',
    routingKey: queue,
    content,
    options: {
      persistent: true,
      mandatory: true,
      contentType,
      messageId,
      type,
      appId,
      timestamp,
      headers: withoutDeaths(headers ?? {}),
    },
  };
}

/** The same as one that may have been seen. @param begun How often it was begun with and not finished. */
export function seenBefore(message: Message, queue: string, begun: number): Outgoing {
  const same = sameAgain(message, queue);
  const headers = { ...same.options.headers, [REDELIVERED]: true, [BEGUN]: begun };
  return { ...same, options: { ...same.options, headers } };
}

/** An event that has waited for its time, for everybody. */
export function published(message: Message, names: Names): Outgoing {
  const { options, content } = sameAgain(message, '');
  const { [NOT_BEFORE]: _over, ...headers } = options.headers;
  const { type } = readEvent(message);
  return {
    exchange: names.exchange,
    routingKey: names.routingKey(type),
    content,
    options: { ...options, headers },
  };
}

/** @throws {EventSerializationError} @throws {SyntaxError} when it is no event. */
export function readContent(message: Message): Content {
  if (message.properties.contentType !== DELIVERY_TYPE)
    return { event: readEvent(message), facts: undefined };
  const { delivery, event } = JSON.parse(textOf(message.content)) as {
    delivery: DeliveryFacts;
    event: Record<string, unknown>;
  };
  return { event: decodeEvent(event), facts: delivery };
}

/** Milliseconds until the message is due; 0 or less when it is. */
export function remainingMs({ properties }: Message): number {
  return remainingOf(properties.headers);
}

/** As {@link remainingMs}, by the headers of a message. */
export function remainingOf(headers: Readonly<Record<string, unknown>> | undefined): number {
  const notBefore = headers?.[NOT_BEFORE] as number | undefined;
  return notBefore === undefined ? 0 : notBefore - Date.now();
}

/** Whether a handler may have seen it. */
export function isRedelivered({ fields, properties }: Message): boolean {
  return fields.redelivered || properties.headers?.[REDELIVERED] === true;
}

/** How often processes had the message, and ended or lost their connection before it was settled. */
export function timesBegun({ properties: { headers } }: Message): number {
  return Number(headers?.[BEGUN] ?? 0) + Number(headers?.[DELIVERY_COUNT] ?? 0);
}

function propertiesOf(event: Event): Options.Publish {
  const { id, type, source, createdAtMs } = event;
  return {
    persistent: true,
    mandatory: true,
    contentType: CONTENT_TYPE,
    messageId: fits(id) ? id : undefined,
    type: fits(type) ? type : undefined,
    appId: fits(source) ? source : undefined,
    timestamp: Math.floor(createdAtMs / 1000),
  };
}

/** Without the history of the broker, by which it would think that the message goes round in circles. */
function withoutDeaths(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^x-(death|first-death|delivery-count)/.test(name)),
  );
}
