import { createHash, randomUUID } from 'node:crypto';
import type { Message } from '@aws-sdk/client-sqs';
import type { OutgoingMessage } from '../../clients/aws/queue-api.js';
import { shortened } from '../../dead-letters/history.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Delivery, PublishOptions } from '../backend.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';
import { attributesOf, BEGUN, CONTENT_TYPE, DELIVERY, legalJson, NOT_BEFORE, STRUCTURED } from './message.js';
import { HEADROOM_BYTES } from './options.js';

/** The longest delay that SQS takes. */
const MAX_DELAY_SECONDS = 900;
/** The rest of the room is for names and other attributes. */
const MOST_FACTS_BYTES = HEADROOM_BYTES - 2048;
/** So many fit when they are cut down, whatever characters they have. */
const MOST_SHORT_TRIES = 20;
/** What FIFO queues take as the name of a group. */
const LEGAL_GROUP = /^[!-~]{1,128}$/;
const PLAIN: Readonly<Record<string, string>> = Object.freeze({ [CONTENT_TYPE]: STRUCTURED });

type Fifo = Pick<OutgoingMessage, 'messageGroupId' | 'deduplicationId'>;

/** Puts events into messages: a CloudEvent as the body, and what concerns its delivery in attributes. */
export class Envelopes {
  constructor(private readonly fifo: boolean) {}

  /** An event for all handlers. @param wire Its CloudEvents JSON. */
  event(
    event: Event,
    wire: string,
    { delayMs = 0, deduplicate = false }: PublishOptions = {},
  ): OutgoingMessage {
    const body = legalJson(wire);
    if (this.fifo) return { body, attributes: PLAIN, ...fifoOf(event, deduplicate) };
    if (delayMs <= 0) return { body, attributes: PLAIN };
    return this.#later(body, PLAIN, delayMs);
  }

  /** An event for one handler. */
  retry(event: Event, delivery: Delivery, delayMs: number): OutgoingMessage {
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = delivery;
    const facts: DeliveryFacts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    const body = legalJson(encodeEvent(event));
    const attributes = { ...PLAIN, [DELIVERY]: fittingJson(facts) };
    if (this.fifo) return { body, attributes, ...fifoOf(event, false) };
    return delayMs > 0 ? this.#later(body, attributes, delayMs) : { body, attributes };
  }

  /** A message as it is, on its way to the time it is due. */
  onward(message: Message, remainingMs: number): OutgoingMessage {
    return { body: message.Body!, attributes: attributesOf(message), delaySeconds: secondsOf(remainingMs) };
  }

  /** A message as it is, with the number of times that it was begun with. */
  counted(message: Message, begun: number): OutgoingMessage {
    return { body: message.Body!, attributes: { ...attributesOf(message), [BEGUN]: String(begun) } };
  }

  #later(body: string, attributes: Readonly<Record<string, string>>, delayMs: number): OutgoingMessage {
    return {
      body,
      attributes: { ...attributes, [NOT_BEFORE]: String(Date.now() + delayMs) },
      delaySeconds: secondsOf(delayMs),
    };
  }
}

/**
 * Facts in the room that messages have for them: what SQS refused for its size would be refused for ever. Text outside
 * ASCII takes more bytes than a history is bounded to.
 */
function fittingJson(facts: DeliveryFacts): string {
  const { attempts = [] } = facts;
  const json = legalJson(JSON.stringify(facts));
  if (Buffer.byteLength(json) <= MOST_FACTS_BYTES) return json;
  const latest = attempts.slice(-MOST_SHORT_TRIES).map(shortened);
  return legalJson(JSON.stringify({ ...facts, attempts: latest }));
}

/** Whole seconds that SQS waits; the receiver waits for the rest. */
function secondsOf(ms: number): number {
  return Math.min(MAX_DELAY_SECONDS, Math.floor(ms / 1000));
}

function fifoOf({ id, source, key }: Event, deduplicate: boolean): Fifo {
  const group = key ?? id;
  return {
    messageGroupId: LEGAL_GROUP.test(group) ? group : hashOf(group),
    deduplicationId: deduplicate ? hashOf(JSON.stringify([source, id])) : randomUUID(),
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
