import { createHash } from 'node:crypto';

/** AMQP takes names of up to 255 bytes, and several parts share one. */
const MAX_PART = 100;
const MAX_NAME = 255;

/** Names of everything that a namespace has in RabbitMQ. No two namespaces or groups share one. */
export class Names {
  /** The topic exchange that every event goes to, with its name as the routing key. */
  readonly exchange: string;
  /** The queue of events that wait for their time, until they are published to everybody. */
  readonly scheduled: string;
  /** The queue of events for which there was no service. */
  readonly unrouted: string;
  readonly #prefix: string;

  constructor(namespace: string) {
    this.#prefix = this.exchange = partOf(namespace);
    this.scheduled = `${this.#prefix}::scheduled`;
    this.unrouted = `${this.#prefix}::unrouted`;
  }

  /** The queue of a service: its events and retries. */
  events(group: string): string {
    return `${this.#prefix}:${partOf(group)}`;
  }

  /** The queue of what may be what ends its processes: each has one of it at a time. */
  suspects(group: string): string {
    return `${this.events(group)}:suspects`;
  }

  /** The queue in which a service keeps its dead letters. */
  dead(group: string): string {
    return `${this.events(group)}:dead`;
  }

  /** Exchange and queue of what has to wait so many milliseconds. */
  delay(ms: number): string {
    return `${this.#prefix}::delay:${ms}`;
  }

  /** The routing key of an event. */
  routingKey(type: string): string {
    return fits(type) ? type : hashOf(type);
  }
}

/** Whether AMQP takes a text where it has a byte for its length. */
export function fits(text: string): boolean {
  return text.length * 3 <= MAX_NAME || Buffer.byteLength(text) <= MAX_NAME;
}

/** Text as one part of a name; a colon parts them. Different texts make different parts. */
function partOf(text: string): string {
  const part = text.replaceAll('%', '%25').replaceAll(':', '%3A');
  return Buffer.byteLength(part) <= MAX_PART ? part : hashOf(text);
}

function hashOf(text: string): string {
  return `%${createHash('sha256').update(text).digest('hex')}`;
}
