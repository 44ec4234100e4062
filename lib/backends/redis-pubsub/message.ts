import { randomUUID } from 'node:crypto';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';

/** Ours are shorter, and there is no need to remember whatever else others write. */
const MAX_NUMBER = 64;

/** What came over the channel. */
export interface PubSubMessage {
  readonly body: string;
  /** Absent when the body is no event. */
  readonly event: Event | undefined;
  /** What is claimed: another one for each publication, also for two of one event. */
  readonly publication: string;
  /** Whether it has a number of ours: one that comes again was sent again. */
  readonly numbered: boolean;
}

/** Numbers what this process publishes. */
export class Publications {
  readonly #process = randomUUID();
  #count = 0;

  /** Adds the number to an event in its wire form, as an extension attribute of CloudEvents. */
  stamp(wire: string): string {
    return `${wire.slice(0, -1)},"publication":"${this.#process}.${(this.#count++).toString(36)}"}`;
  }
}

/** Reads what came. Never throws: what is no event has none. */
export function readMessage(body: string): PubSubMessage {
  try {
    const attributes = JSON.parse(body) as Readonly<Record<string, unknown>>;
    const event = decodeEvent(attributes);
    const { publication } = attributes;
    if (typeof publication === 'string')
      return { body, event, publication, numbered: publication.length <= MAX_NUMBER };
    // What others publish has no number: one id of a source is one event to them.
    return { body, event, publication: `${event.source} ${event.id}`, numbered: false };
  } catch {
    return { body, event: undefined, publication: body, numbered: false };
  }
}

/** The event of a message. @throws {EventSerializationError} that says why it is none. */
export function eventOf({ event, body }: PubSubMessage): Event {
  return event ?? decodeEvent(body);
}

/** The message as dead letters hold it. */
export function rawOf({ body }: PubSubMessage): RawMessage {
  return { body, encoding: 'utf8', headers: {} };
}
