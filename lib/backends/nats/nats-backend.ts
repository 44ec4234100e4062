import type { Msg } from '@nats-io/transport-node';
import { rawOf, readEvent } from '../../clients/nats/cloud-event-message.js';
import { NatsClient } from '../../clients/nats/connection.js';
import { tokenOf } from '../../clients/nats/subject.js';
import { inTime, within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';
import { EventError, EventPublishError } from '../../errors.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { assertEventSize } from '../../wire/event-size.js';
import type {
  BackendCapabilities,
  BackendHealth,
  BackendHost,
  DrainRequest,
  DrainResult,
  EventBackend,
  EventDispatcher,
} from '../backend.js';
import { Inbound } from '../shared/inbound.js';
import { ItsBus } from '../shared/its-bus.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import { Listener } from './listener.js';
import { type NatsOptions, resolveNatsOptions, type ResolvedNatsOptions, USER } from './options.js';
import { Sender } from './sender.js';

const IDLE_POLL_MS = 5;
const FLUSH_MS = 2000;

/**
 * Events over core NATS, at most once: whoever is connected gets them, and nothing is kept for anybody else.
 *
 * @example
 * EventsModule.forRoot(new NatsBackend({ connection: 'nats://localhost:4222', group: 'orders' }))
 */
export class NatsBackend implements EventBackend {
  readonly name = 'nats';
  readonly capabilities: BackendCapabilities;
  readonly #options: ResolvedNatsOptions;
  readonly #bus: ItsBus;
  readonly #prefix: string;
  readonly #client: NatsClient;
  readonly #sender: Sender;
  #listener: Listener | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: NatsOptions) {
    this.#options = resolveNatsOptions(options);
    const { connection, namespace, group, connectTimeoutMs, maxEventBytes } = this.#options;
    this.capabilities = { durable: false, broadcast: true, shared: true, maxEventBytes };
    this.#bus = new ItsBus(USER, group);
    this.#prefix = `${tokenOf(namespace)}.live`;
    this.#client = new NatsClient(connection, USER, connectTimeoutMs, (error) => this.#bus.report(error));
    this.#sender = new Sender(this.#client, this.#prefix, this.#options);
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Resolves when the server has the event, which it sends on to whoever is there. Concurrent calls share a round trip.
   *
   * @throws {EventPublishError} when there is no connection, or the server does not confirm within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  async publish(event: Event): Promise<void> {
    this.#assertOpen();
    const wire = encodeEvent(event);
    assertEventSize(event, wire, this.#options.maxEventBytes, `option 'maxEventBytes' of ${USER}`);
    try {
      await this.#sender.send(event, wire);
    } catch (cause) {
      if (cause instanceof EventError && cause.code !== 'EVENT_TIMEOUT') throw cause;
      throw new EventPublishError(`NATS did not confirm the event: ${toError(cause).message}`, { cause });
    }
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    const bus = this.#bus;
    this.#assertOpen();
    if (this.#listener !== undefined) throw bus.taken();
    const { concurrency, maxQueued, distribution, publishTimeoutMs } = this.#options;
    if (distribution === 'queue') bus.warnOfSharedName();
    const queue = distribution === 'queue' ? tokenOf(bus.group) : undefined;
    const inbound = new Inbound<Msg>({
      concurrency,
      maxQueued,
      dispatch,
      read: readEvent,
      raw: rawOf,
      sender: 'NATS',
      advice: `Raise 'maxQueued' or 'concurrency' of ${USER}, or use NatsJetStreamBackend, which asks for no more than it can handle.`,
      refuse: (event, error) => bus.deadLetter(event, error),
      report: (error) => bus.report(error),
    });
    const listener = (this.#listener = new Listener(this.#client, inbound));
    try {
      const nc = await this.#sender.connection();
      this.#assertOpen();
      listener.listen(nc, { subject: `${this.#prefix}.>`, queue, broadcast: bus.hasBroadcastHandlers });
      // Not before the server knows of it.
      await inTime('NATS', publishTimeoutMs, nc.flush());
    } catch (error) {
      this.#listener = undefined;
      listener.close();
      throw error;
    }
  }

  async drain(request: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#listener?.drain(request)) ?? 0 };
  }

  idle(signal: AbortSignal): Promise<void> {
    const quiet = () => this.#sender.unconfirmed === 0 && this.#listener?.busy !== true;
    return untilQuiet(signal, IDLE_POLL_MS, quiet);
  }

  async health(): Promise<BackendHealth> {
    if (this.#client.current !== undefined && !this.#client.connected)
      return { status: 'down', details: { error: 'not connected' } };
    return healthOf(
      'NATS',
      async () => {
        const nc = await this.#sender.connection();
        await nc.flush();
        return { server: nc.info?.version };
      },
      () => this.#listener && this.#client.connected,
    );
  }

  /** Of this process: `queued`, `inFlight`, `unconfirmed` and `connected`. NATS itself keeps nothing to count. */
  stats(): Promise<Readonly<Record<string, number>>> {
    return Promise.resolve({
      ...(this.#listener?.counters() ?? { queued: 0, inFlight: 0 }),
      unconfirmed: this.#sender.unconfirmed,
      connected: this.#client.connected ? 1 : 0,
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#client.connected) await within(FLUSH_MS, this.#listener?.hangUp() ?? Promise.resolve());
    await within(FLUSH_MS, this.#sender.settled());
    this.#listener?.close();
    await this.#client.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#bus.closed();
  }
}
