import { subjectOf, tokenOf } from '../../clients/nats/subject.js';

/** Names of everything that a namespace has in NATS. No two namespaces or groups share one. */
export class Names {
  /** The stream of events, with those that wait for their time and the retries. */
  readonly stream: string;
  /** The stream of dead letters and counts: one message per subject. */
  readonly stateStream: string;
  readonly #prefix: string;

  constructor(namespace: string) {
    this.#prefix = this.stream = tokenOf(namespace);
    this.stateStream = `${this.stream}~state`;
  }

  get streamSubjects(): string[] {
    return [this.allEvents, this.allDelayed, this.allRetries];
  }

  get stateSubjects(): string[] {
    return [`${this.#prefix}.dead.*.*`, `${this.#prefix}.begun.*.*`];
  }

  get allEvents(): string {
    return `${this.#prefix}.event.>`;
  }

  get allDelayed(): string {
    return `${this.#prefix}.delayed.*`;
  }

  get allRetries(): string {
    return `${this.#prefix}.retry.*`;
  }

  event(type: string): string {
    return `${this.#prefix}.event.${subjectOf(type)}`;
  }

  /** An event that waits for its time, by the id that the stream knows it by. */
  delayed(messageId: string): string {
    return `${this.#prefix}.delayed.${messageId}`;
  }

  /** Retries of a group. */
  retry(group: string): string {
    return `${this.#prefix}.retry.${tokenOf(group)}`;
  }

  /** Whether a subject is that of the retries of some group. */
  isRetry(subject: string): boolean {
    return subject.startsWith(`${this.#prefix}.retry.`);
  }

  /** The dead letter of an id, or all of the group. */
  dead(group: string, id?: string): string {
    return `${this.#prefix}.dead.${tokenOf(group)}.${id === undefined ? '*' : tokenOf(id)}`;
  }

  /** How often a group has begun with a message that may kill its process. */
  begun(group: string, sequence: number): string {
    return `${this.#prefix}.begun.${tokenOf(group)}.${sequence}`;
  }

  /** The durable consumers of a group. */
  consumers(group: string): readonly ConsumerName[] {
    const name = tokenOf(group);
    return [
      { kind: 'event', name, filter: this.allEvents },
      { kind: 'delayed', name: `${name}~delayed`, filter: this.allDelayed },
      { kind: 'retry', name: `${name}~retry`, filter: this.retry(group) },
    ];
  }
}

export interface ConsumerName {
  readonly kind: 'event' | 'delayed' | 'retry';
  readonly name: string;
  /** The subject that it reads. */
  readonly filter: string;
}
