import type { KafkaClient, NewTopic } from '../../clients/kafka/client.js';
import { EventConfigurationError } from '../../errors.js';
import type { Names } from './names.js';
import { type ResolvedOptions, USER } from './options.js';
import { TIERS } from './tiers.js';

const FOREVER = '-1';
const LONGEST = String(2n ** 63n - 1n);

/** A topic, and the settings without which events would be lost. */
interface Wanted extends NewTopic {
  readonly required: Readonly<Record<string, string>>;
}

/** Topics: made where they are missing, compared where they are there, and never changed. */
export class Topology {
  readonly #partitions = new Map<string, number>();
  #ensuring: Promise<void> | undefined;

  constructor(
    private readonly client: KafkaClient,
    private readonly names: Names,
    private readonly options: ResolvedOptions,
    /** The group whose topics have to be there; none while nothing consumes. */
    private readonly group: () => string | undefined,
  ) {}

  /** Whether this topic was in place when it was last looked at. */
  knows(topic: string): boolean {
    return this.#partitions.has(topic);
  }

  /** How many partitions a topic has. */
  partitions(topic: string): number {
    return this.#partitions.get(topic) ?? 1;
  }

  /**
   * Has everything in place.
   *
   * @throws {EventConfigurationError} when a topic is set up in a way that loses events.
   */
  ensure(): Promise<void> {
    return (this.#ensuring ??= this.#ensure().finally(() => (this.#ensuring = undefined)));
  }

  async #ensure(): Promise<void> {
    const wanted = this.#wanted();
    const names = wanted.map(({ name }) => name);
    const present = await this.client.topics(names);
    const missing = wanted.filter(({ name }) => !present.has(name));
    if (missing.length > 0) await this.client.createTopics(missing);
    const there = missing.length > 0 ? await this.#made(names) : present;
    const old = wanted.filter(({ name }) => present.has(name));
    await Promise.all(old.map((topic) => this.#check(topic, present.get(topic.name)!)));
    for (const [name, count] of there) this.#partitions.set(name, count);
  }

  /** A broker may not have heard yet of what another one has made. */
  async #made(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const there = await this.client.topics(names);
    const missing = names.find((name) => !there.has(name));
    if (missing !== undefined) throw new Error(`The topic '${missing}' was made, but is not there yet.`);
    return there;
  }

  #wanted(): readonly Wanted[] {
    const { names } = this;
    const { partitions } = this.options;
    const events = names.all.map((name) => this.#topic(name, partitions, {}));
    // What is written with a time to come counts as old from then on. A broker would take that for a mistake.
    const later = { 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': LONGEST };
    const delayed = this.#topic(names.delayed, TIERS, { ...later, 'cleanup.policy': 'delete' }, later);
    const group = this.group();
    if (group === undefined) return [...events, delayed];
    const kept = { 'cleanup.policy': 'delete', 'retention.ms': FOREVER, 'retention.bytes': FOREVER };
    const compacted = { 'cleanup.policy': 'compact' };
    return [
      ...events,
      delayed,
      this.#topic(names.retry(group), TIERS, kept, kept),
      this.#topic(names.state(group), 1, compacted, compacted),
      this.#topic(names.dead(group), 1, kept, kept),
    ];
  }

  #topic(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
    required: Readonly<Record<string, string>> = {},
  ): Wanted {
    return { name, partitions, replicas: this.options.replicas, configs, required };
  }

  async #check({ name, partitions, required }: Wanted, count: number): Promise<void> {
    if (Object.keys(required).length === 0) return;
    if (count < partitions) {
      throw new EventConfigurationError(
        `Topic '${name}' has ${count} partitions, and ${USER} needs ${partitions}. Add some with kafka-topics.sh --alter --partitions ${partitions}.`,
      );
    }
    const configs = await this.client.configs(name);
    for (const [setting, value] of Object.entries(required)) {
      const actual = configs.get(setting);
      if (actual === undefined || actual === value) continue; // brokers that do not know it do without
      throw new EventConfigurationError(
        `Topic '${name}' has ${setting}=${actual}, so that ${USER} would lose what it keeps there. Set it to ${value} with kafka-configs.sh, or delete the topic while nothing uses it.`,
      );
    }
  }
}
