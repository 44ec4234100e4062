import type { Connection } from '@platformatic/kafka';
import { EventTimeoutError } from '../../../errors.js';
import type { BrokerAddress, KafkaConnectionOptions } from '../connection-option.js';
import type { Platformatic } from '../load.js';
import { answerOf, nameOf } from './answers.js';

/**
 * What a connection is for. A broker answers the requests of one connection one after the other, so that none may stand
 * behind a fetch that waits for records, or behind a join that waits for others.
 */
export type Purpose = 'control' | 'produce' | `fetch ${string}` | `group ${string}`;

/** A topic, and who leads its partitions. */
export interface TopicInfo {
  readonly id: string;
  /** Ids of brokers by partition; -1 while there is none. */
  readonly leaders: readonly number[];
}

interface Metadata {
  readonly brokers: readonly (BrokerAddress & { readonly nodeId: number })[];
  readonly topics: readonly {
    readonly name: string | null;
    readonly topicId: string;
    readonly errorCode: number;
    readonly partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[];
  }[];
}

interface Api {
  readonly async: (connection: Connection, ...args: unknown[]) => Promise<unknown>;
}

/** Connecting may take this long. */
const CONNECT_MS = 5000;
/** The client's own limit, which would leave a connection behind that cannot be read any more: ours comes first. */
const NEVER_MS = 600_000;
const DEFAULT_PORT = 9092;

/** The brokers: connections to them, requests in the latest form that both sides know, and who leads what. */
export class Cluster {
  /** Whether a broker answered the last request. */
  connected = false;
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, TopicInfo>();
  readonly #troubles = new Map<string, string>();
  #versions: ReadonlyMap<string, { minVersion: number; maxVersion: number }> | undefined;
  #closed = false;

  constructor(
    private readonly kafka: Platformatic,
    private readonly options: KafkaConnectionOptions,
    /** How long a broker may take to answer, in milliseconds. */
    private readonly timeoutMs: number,
  ) {}

  /**
   * Asks a broker.
   *
   * @param node Its id; `undefined` for any.
   * @param api Such as `FindCoordinator`.
   * @param waitMs How long the broker is asked to wait before it answers.
   */
  async ask<T>(
    node: number | undefined,
    purpose: Purpose,
    api: string,
    args: readonly unknown[],
    waitMs = 0,
  ): Promise<T> {
    const connection = await this.#connection(node, purpose);
    const { async } = await this.#api(api, connection);
    return this.#bounded(connection, async(connection, ...args), this.timeoutMs + waitMs) as Promise<T>;
  }

  /** Looks again who leads the partitions of these topics, and which of them exist. */
  async refresh(names: readonly string[]): Promise<void> {
    const asked = this.ask<Metadata>(undefined, 'control', 'Metadata', [names, false, false]);
    const { brokers, topics } = await answerOf(asked);
    const { reach = (broker) => broker } = this.options;
    for (const { nodeId, host, port } of brokers) this.#brokers.set(nodeId, reach({ host, port }));
    for (const name of names) {
      this.#topics.delete(name);
      this.#troubles.delete(name);
    }
    for (const { name, topicId, errorCode, partitions } of topics) {
      if (name === null) continue;
      if (errorCode !== 0) this.#troubles.set(name, nameOf(errorCode));
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      if (leaders.length > 0) this.#topics.set(name, { id: topicId, leaders });
    }
  }

  /** What is known of a topic. */
  topic(name: string): TopicInfo | undefined {
    return this.#topics.get(name);
  }

  /** Why nothing is known of a topic, as brokers said when it was last looked at, such as `TOPIC_AUTHORIZATION_FAILED`. */
  trouble(name: string): string | undefined {
    return this.#troubles.get(name);
  }

  /** Forgets who leads the partitions of a topic: somebody else may by now. */
  forget(name: string): void {
    this.#topics.delete(name);
  }

  /** Makes sure that these topics were looked at. */
  async know(names: readonly string[]): Promise<void> {
    const unknown = names.filter((name) => !this.#topics.get(name)?.leaders.every((leader) => leader >= 0));
    if (unknown.length > 0) await this.refresh(unknown);
  }

  /** Ends the connections of a purpose that is over. */
  async drop(purpose: Purpose): Promise<void> {
    await this.#end((key) => key.startsWith(`${purpose} `));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end(() => true);
  }

  async #end(which: (key: string) => boolean): Promise<void> {
    for (const [key, opening] of this.#connections) {
      if (!which(key)) continue;
      this.#connections.delete(key);
      (await opening.catch(() => undefined))?.socket.destroy(); // whoever opened it was told
    }
  }

  async #connection(node: number | undefined, purpose: Purpose): Promise<Connection> {
    if (node !== undefined && !this.#brokers.has(node)) await this.refresh([]);
    const address = node === undefined ? undefined : this.#brokers.get(node);
    if (node !== undefined && address === undefined) throw new Error(`there is no broker ${node}`);
    if (address !== undefined) return this.#to(address, purpose);
    let last: unknown;
    for (const candidate of [...this.options.brokers.map(addressOf), ...this.#brokers.values()]) {
      try {
        return await this.#to(candidate, purpose);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #to({ host, port }: BrokerAddress, purpose: Purpose): Promise<Connection> {
    if (this.#closed) return Promise.reject(new Error('the client is closed'));
    const key = `${purpose} ${host}:${port}`;
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const opening = this.#connect(host, port, () => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    });
    this.#connections.set(key, opening);
    opening.catch(() => {
      this.connected = false;
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    });
    return opening;
  }

  async #connect(host: string, port: number, onClosed: () => void): Promise<Connection> {
    const { sasl, tls, clientId = 'nestjs-durable-events' } = this.options;
    const connection = new this.kafka.Connection(clientId, {
      connectTimeout: Math.min(CONNECT_MS, this.timeoutMs),
      requestTimeout: NEVER_MS,
      maxInflights: 1000,
      ...(sasl !== undefined && { sasl }),
      ...(tls !== undefined && tls !== false && { tls: tls === true ? {} : tls }),
    });
    connection.on('error', onClosed);
    connection.on('close', onClosed);
    await connection.connect(host, port);
    if (!this.#closed) return connection;
    connection.socket.destroy();
    throw new Error('the client is closed');
  }

  async #api(name: string, connection: Connection): Promise<Api> {
    this.#versions ??= await this.#negotiated(connection);
    const { minVersion, maxVersion } = this.#versions.get(name) ?? { minVersion: 0, maxVersion: -1 };
    const known = this.kafka as unknown as Record<string, { readonly api: Api } | undefined>;
    const lower = name[0]!.toLowerCase() + name.slice(1);
    for (let version = maxVersion; version >= minVersion; version--) {
      const found = known[`${lower}V${version}`];
      if (found !== undefined) return found.api;
    }
    throw new Error(
      `the broker and the client have no version of ${name} in common: Apache Kafka 3.1 is the oldest`,
    );
  }

  async #negotiated(
    connection: Connection,
  ): Promise<ReadonlyMap<string, { minVersion: number; maxVersion: number }>> {
    const { api } = this.kafka.apiVersionsV3;
    const { apiKeys } = await this.#bounded(
      connection,
      api.async(connection, 'nestjs-durable-events', '1'),
      this.timeoutMs,
    );
    return new Map(apiKeys.map((each) => [each.name, each]));
  }

  /** A connection on which an answer is late may be dead without an end: it is not used again. */
  #bounded<T>(connection: Connection, asked: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.connected = false;
        connection.socket.destroy();
        reject(new EventTimeoutError(`Kafka did not answer within ${ms} ms. Check that it runs.`));
      }, ms);
      asked.then(
        (answer) => {
          clearTimeout(timer);
          this.connected = true;
          resolve(answer);
        },
        (error: Error) => {
          clearTimeout(timer);
          this.connected = (error as { response?: unknown }).response !== undefined;
          reject(error);
        },
      );
    });
  }
}

function addressOf(broker: string): BrokerAddress {
  const [, host, port] =
    /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(broker)?.filter((part, i) => i === 0 || part) ?? [];
  return { host: host ?? broker, port: port === undefined ? DEFAULT_PORT : Number(port) };
}
