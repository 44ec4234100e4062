import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { EventConfigurationError } from '../../errors.js';
import type { ConsumerName, Names } from './names.js';
import type { ResolvedOptions } from './options.js';

const NANOS = 1_000_000;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NAME_IN_USE = 10058;
const CONSUMER_NAME_IN_USE = 10013;

/** Streams and consumers: made where they are missing, compared where they are there, and never changed. */
export class Topology {
  #ensuring: Promise<void> | undefined;

  constructor(
    private readonly jsm: JetStreamManager,
    private readonly names: Names,
    private readonly options: ResolvedOptions,
    /** The consumers that have to be there; none while nothing subscribes. */
    private readonly consumers: () => readonly ConsumerName[],
  ) {}

  /**
   * Has everything in place.
   *
   * @throws {EventConfigurationError} when something is set up in a way that loses events.
   */
  ensure(): Promise<void> {
    return (this.#ensuring ??= this.#ensure().finally(() => (this.#ensuring = undefined)));
  }

  info(): Promise<StreamInfo> {
    return this.jsm.streams.info(this.names.stream);
  }

  /** What the server knows of the group's consumers. */
  state(): Promise<ConsumerInfo[]> {
    return Promise.all(this.consumers().map(({ name }) => this.jsm.consumers.info(this.names.stream, name)));
  }

  async #ensure(): Promise<void> {
    const { stream, stateStream, streamSubjects, stateSubjects } = this.names;
    const { deduplicationMs, maxStreamBytes } = this.options;
    await this.#ensureStream(stream, {
      subjects: streamSubjects,
      duplicate_window: deduplicationMs * NANOS,
      max_bytes: maxStreamBytes,
    });
    await this.#ensureStream(stateStream, { subjects: stateSubjects, max_msgs_per_subject: 1 });
    await Promise.all(this.consumers().map((consumer) => this.#ensureConsumer(consumer)));
  }

  async #ensureStream(name: string, config: Partial<StreamConfig> & { subjects: string[] }): Promise<void> {
    const found = await orMissing(this.jsm.streams.info(name), STREAM_NOT_FOUND);
    if (found !== undefined) return this.#checkStream(found, config);
    const { storage, replicas } = this.options;
    try {
      await this.jsm.streams.add({
        name,
        retention: 'limits',
        discard: 'new', // a full stream refuses events; it does not drop older ones
        storage,
        num_replicas: replicas,
        ...config,
      });
    } catch (error) {
      // Another process was first, with settings of its own.
      if (codeOf(error) !== STREAM_NAME_IN_USE) throw error;
      this.#checkStream(await this.jsm.streams.info(name), config);
    }
  }

  #checkStream({ config }: StreamInfo, wanted: Partial<StreamConfig> & { subjects: string[] }): void {
    const missing = wanted.subjects.filter((subject) => !config.subjects.includes(subject));
    if (missing.length > 0)
      throw wrong(`stream '${config.name}'`, 'subjects', config.subjects, wanted.subjects);
    if (config.retention !== 'limits')
      throw wrong(`stream '${config.name}'`, 'retention', config.retention, 'limits');
    if (config.no_ack) throw wrong(`stream '${config.name}'`, 'no_ack', true, false);
    const perSubject = wanted.max_msgs_per_subject ?? -1;
    if (config.max_msgs_per_subject !== perSubject)
      throw wrong(`stream '${config.name}'`, 'max_msgs_per_subject', config.max_msgs_per_subject, perSubject);
    const window = this.options.publishTimeoutMs * NANOS;
    if (wanted.duplicate_window !== undefined && config.duplicate_window < window)
      throw wrong(
        `stream '${config.name}'`,
        'duplicate_window',
        config.duplicate_window,
        `at least ${window}`,
      );
  }

  async #ensureConsumer({ name, filter }: ConsumerName): Promise<void> {
    const { stream } = this.names;
    const found = await orMissing(this.jsm.consumers.info(stream, name), CONSUMER_NOT_FOUND);
    if (found !== undefined) return this.#checkConsumer(found, filter);
    try {
      await this.jsm.consumers.add(stream, {
        durable_name: name,
        ack_policy: 'explicit',
        deliver_policy: 'all',
        filter_subject: filter,
        ack_wait: this.options.leaseMs * NANOS,
        max_deliver: -1, // deliveries are counted here, where a wait for the right time is none
        max_ack_pending: -1, // what waits for its time is pending, too
        max_waiting: 4096,
      });
    } catch (error) {
      if (codeOf(error) !== CONSUMER_NAME_IN_USE) throw error;
      this.#checkConsumer(await this.jsm.consumers.info(stream, name), filter);
    }
  }

  /**
   * A message that was handed out `max_deliver` times stays in the stream, and nobody gets it any more; with
   * `headers_only`, nobody gets the event.
   */
  #checkConsumer({ name, config }: ConsumerInfo, filter: string): void {
    const { ack_policy, filter_subject, ack_wait, max_deliver = -1, max_ack_pending = -1 } = config;
    const { headers_only = false } = config;
    const fields: [string, unknown, unknown][] = [
      ['ack_policy', ack_policy, 'explicit'],
      ['filter_subject', filter_subject, filter],
      ['ack_wait', ack_wait, this.options.leaseMs * NANOS],
      ['max_deliver', max_deliver, -1],
      ['max_ack_pending', max_ack_pending, -1],
      ['headers_only', headers_only, false],
    ];
    for (const [field, is, want] of fields)
      if (is !== want) throw wrong(`consumer '${name}' of stream '${this.names.stream}'`, field, is, want);
  }
}

/** Nothing where the server has none. */
async function orMissing<T>(info: Promise<T>, code: number): Promise<T | undefined> {
  try {
    return await info;
  } catch (error) {
    if (codeOf(error) === code) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

function wrong(what: string, field: string, is: unknown, want: unknown): EventConfigurationError {
  return new EventConfigurationError(
    `The ${what} has ${field} = ${JSON.stringify(is)}, and NatsJetStreamBackend needs ${JSON.stringify(want)}. It changes nothing that is there: change it with the nats tool, set the option that goes with it (leaseMs for ack_wait), or choose another namespace or group.`,
  );
}
