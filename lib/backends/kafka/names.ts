import { EventConfigurationError } from '../../errors.js';
import { compilePattern, isPattern } from '../../handlers/pattern.js';

const MOST_LETTERS = 249;
const LEGAL = /^[A-Za-z0-9._-]+$/;

/** Names of everything that a namespace has in Kafka. No two groups of a namespace share one. */
export class Names {
  /** Where events go that no topic of their own is configured for. */
  readonly events: string;
  /** Events that wait for their time. */
  readonly delayed: string;
  /** The consumer group that moves those on when it has come: every process that consumes is a member. */
  readonly movers: string;
  readonly #routes: readonly { readonly topic: string; readonly takes: (type: string) => boolean }[];
  readonly #known = new Map<string, string>();

  /**
   * @param topics Topics of their own for some events, by patterns of their names.
   * @throws {EventConfigurationError} when a topic cannot have its name.
   */
  constructor(
    namespace: string,
    private readonly topics: Readonly<Record<string, string | readonly string[]>>,
    private readonly user: string,
  ) {
    this.events = this.#checked(encoded(namespace, '.'));
    this.delayed = this.#checked(`${this.events}.delayed`);
    this.movers = this.delayed;
    this.#routes = Object.entries(topics).map(([topic, patterns]) => {
      const tests = [patterns].flat().map(testOf);
      return { topic: this.#checked(topic), takes: (type) => tests.some((takes) => takes(type)) };
    });
  }

  /** All topics of events. */
  get all(): readonly string[] {
    return [...new Set([this.events, ...Object.keys(this.topics)])];
  }

  /** The topic of an event. The first one whose patterns fit. */
  topicOf(type: string): string {
    let topic = this.#known.get(type);
    if (topic === undefined) {
      topic = this.#routes.find(({ takes }) => takes(type))?.topic ?? this.events;
      if (this.#known.size < 1000) this.#known.set(type, topic);
    }
    return topic;
  }

  /** The consumer group of a service. */
  group(group: string): string {
    return `${this.events}.${encoded(group, '')}`;
  }

  /** Retries of a group. */
  retry(group: string): string {
    return this.#checked(`${this.group(group)}.retry`);
  }

  /** What a group has to remember of events that wait in their topic for a retry. */
  state(group: string): string {
    return this.#checked(`${this.group(group)}.state`);
  }

  /** Dead letters of a group. */
  dead(group: string): string {
    return this.#checked(`${this.group(group)}.dead`);
  }

  #checked(topic: string): string {
    if (LEGAL.test(topic) && topic.length <= MOST_LETTERS && topic !== '.' && topic !== '..') return topic;
    throw new EventConfigurationError(
      `${this.user} would need a topic named '${topic}', which Kafka refuses: a name has 1 to ${MOST_LETTERS} letters, digits, dots, underscores and dashes. Set 'namespace', 'group' or 'topics' to other names.`,
    );
  }
}

function testOf(pattern: string): (type: string) => boolean {
  return isPattern(pattern) ? compilePattern(pattern) : (type) => type === pattern;
}

/** Spells what Kafka does not allow in a name, so that no two texts become the same. */
function encoded(text: string, allowed: string): string {
  return text.replace(/[^A-Za-z0-9-]/gu, (character) =>
    allowed.includes(character)
      ? character
      : `_${[...Buffer.from(character)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`,
  );
}
