import { createHash } from 'node:crypto';

/** SQS takes letters, digits, hyphens and underscores; the underscore begins our codes. */
const RESERVED = /[^A-Za-z0-9-]/gu;
/** Of a name of SQS, `.fifo` included. */
const MAX_LENGTH = 80;

/** Names of everything that a namespace has in SQS and SNS. No two namespaces or groups share one. */
export class Names {
  /** The topic that brings events to the queues of all groups. */
  readonly topic: string;
  readonly #namespace: string;
  readonly #suffix: string;

  constructor(namespace: string, fifo: boolean) {
    this.#suffix = fifo ? '.fifo' : '';
    this.#namespace = encoded(namespace);
    this.topic = this.#fitting(this.#namespace);
  }

  /** The queue of a group. */
  queue(group: string): string {
    return this.#fitting(`${this.#namespace}__${encoded(group)}`);
  }

  #fitting(name: string): string {
    if (name.length + this.#suffix.length <= MAX_LENGTH) return name + this.#suffix;
    return `__${createHash('sha256').update(name).digest('hex')}${this.#suffix}`;
  }
}

function encoded(text: string): string {
  return text.replace(RESERVED, (char) => `_${char.codePointAt(0)!.toString(16)}_`);
}
