import type { BaseRpcContext } from '@nestjs/microservices';
import { abortion, within } from '../../clients/in-time.js';
import { EventPublishError } from '../../errors.js';
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
  PublishEntry,
  PublishReceipt,
} from '../backend.js';
import { Inbound } from '../shared/inbound.js';
import { ItsBus } from '../shared/its-bus.js';
import { publishEach } from '../shared/publishing.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import type { ListeningServer } from './carrier.js';
import { Listener } from './listener.js';
import {
  type MicroservicesOptions,
  type ResolvedMicroservicesOptions,
  resolveMicroservicesOptions,
  USER,
} from './options.js';
import { requirePackages } from './packages.js';
import { eventIn, eventOf, type Packet, payloadOf, rawOf, READ_ALL } from './packet.js';
import { Sender } from './sender.js';

const IDLE_POLL_MS = 5;
const FLUSH_MS = 1000;
/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;

/**
 * Events over a transport of `@nestjs/microservices`: what arrives and what is kept is that transport's to say.
 *
 * @example
 * EventsModule.forRoot(
 *   new MicroservicesBackend({ transport: Transport.NATS, options: { servers: ['nats://localhost:4222'] } }),
 * )
 */
export class MicroservicesBackend implements EventBackend {
  readonly name = 'microservices';
  readonly capabilities: BackendCapabilities;
  readonly #options: ResolvedMicroservicesOptions;
  readonly #bus: ItsBus;
  readonly #sender: Sender;
  #starting: Listener | undefined;
  /** The same, once it listens. */
  #listener: Listener | undefined;
  #inbound: Inbound<Packet> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: MicroservicesOptions) {
    this.#options = resolveMicroservicesOptions(options);
    const { carrier, maxEventBytes, group } = this.#options;
    this.capabilities = { ...(carrier.shares && { shared: true }), maxEventBytes };
    this.#bus = new ItsBus(USER, group);
    this.#sender = new Sender(this.#options);
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Resolves when the transport has taken the event: the page of this backend says for each what that means.
   *
   * @throws {EventPublishError} when it did not, or did not say so within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON, or is nothing with `payload: 'data'`.
   */
  async publish(event: Event): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed();
    this.#assertListening();
    const { carrier, prefix, payload, maxEventBytes } = this.#options;
    const wire = encodeEvent(event);
    assertEventSize(event, wire, maxEventBytes, `option 'maxEventBytes' of ${USER}`);
    await this.#sender.send(prefix + carrier.channelOf(event.type), payloadOf(event, wire, payload));
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event) => this.publish(event));
  }

  /** Listens to what handlers of this process have asked for until now. */
  async subscribe(dispatch: EventDispatcher): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed();
    if (this.#starting !== undefined) throw this.#bus.taken();
    const { carrier, prefix, connectTimeoutMs } = this.#options;
    if (carrier.shares) this.#bus.warnOfSharedName();
    const patterns = this.#bus.host?.patterns() ?? ['**'];
    const channels = carrier.subscriptions(prefix, patterns, this.#bus.group);
    const listener = new Listener({
      server: await this.#server(),
      carrier,
      channels,
      receive: (payload, context) => this.#receive(payload, context),
      report: (error) => this.#bus.report(error),
    });
    this.#inbound = this.#makeInbound(dispatch);
    this.#starting = listener;
    try {
      await listener.start(connectTimeoutMs);
      this.#listener = listener;
    } catch (error) {
      this.#starting = undefined;
      await listener.close();
      throw error;
    }
  }

  async drain({ signal, final }: DrainRequest): Promise<DrainResult> {
    const inbound = this.#inbound;
    if (inbound === undefined) return { released: 0 };
    await Promise.race([this.#drain(inbound, final), abortion(signal)]);
    if (!signal.aborted) return { released: 0 };
    const released = inbound.abandon();
    await within(ABORT_GRACE_MS, inbound.idle());
    return { released };
  }

  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(
      signal,
      IDLE_POLL_MS,
      () => this.#sender.unconfirmed + (this.#inbound?.queued ?? 0) + (this.#inbound?.running ?? 0) === 0,
    );
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      this.#options.carrier.name,
      () => this.#sender.check(),
      () => this.#listener?.connected,
    );
  }

  /** Of this process: `queued`, `inFlight`, `unconfirmed` and `listening`. */
  stats(): Promise<Readonly<Record<string, number>>> {
    return Promise.resolve({
      queued: this.#inbound?.queued ?? 0,
      inFlight: this.#inbound?.running ?? 0,
      unconfirmed: this.#sender.unconfirmed,
      listening: this.#listener?.connected === true ? 1 : 0,
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await within(FLUSH_MS, this.#sender.flush());
    this.#inbound?.abandon();
    await Promise.all([this.#starting?.close(), this.#sender.close()]);
  }

  /** At the end, nobody else may be there for what is on its way. Where a broker keeps it, nothing new is begun before. */
  async #drain(inbound: Inbound<Packet>, final: boolean): Promise<void> {
    if (!final && this.#options.carrier.acknowledge !== undefined) inbound.stop();
    await inbound.idle();
    if (!final) return;
    for (let left = 1; left + inbound.queued + inbound.running > 0;) {
      left = (await this.#listener?.arrived()) ?? 0;
      await inbound.idle();
    }
  }

  #receive(payload: unknown, context: BaseRpcContext): void {
    const { carrier, prefix, payload: kind } = this.#options;
    const whole = carrier.channelFrom(context);
    const prefixed = whole.startsWith(prefix);
    const channel = prefixed ? whole.slice(prefix.length) : '';
    const event = eventIn(payload, channel, kind);
    // What was not asked for came along with a wildcard, or is left in a queue by former handlers.
    const asked = prefixed && (event === undefined || this.#bus.host?.handles(event.type) !== false);
    // What nobody can read is somebody else's, but not in a queue of our own.
    const unreadable = event === undefined && carrier.acknowledge !== undefined;
    if (asked || unreadable) this.#inbound!.accept({ payload, channel, context, event }, undefined);
    else carrier.acknowledge?.(context);
  }

  /** Handlers of this process would miss what is sent before it listens again, and nobody would know. */
  #assertListening(): void {
    const { carrier } = this.#options;
    if (this.#listener?.connected !== false || carrier.acknowledge !== undefined) return;
    throw new EventPublishError(
      `${USER} is not connected to ${carrier.name}: it cannot listen, and did not send the event.`,
    );
  }

  #makeInbound(dispatch: EventDispatcher): Inbound<Packet> {
    const { concurrency, maxQueued, carrier } = this.#options;
    return new Inbound<Packet>({
      concurrency,
      maxQueued,
      dispatch,
      read: eventOf,
      raw: rawOf,
      redelivered: ({ context }) => carrier.redelivered?.(context) ?? false,
      settled: ({ context }) => carrier.acknowledge?.(context),
      refuse: (event, error) => this.#bus.deadLetter(event, error),
      report: (error) => this.#bus.report(error),
      sender: carrier.name,
      advice: `Raise 'maxQueued' or 'concurrency' of ${USER}, or use a backend that asks for no more than it can handle.`,
    });
  }

  async #server(): Promise<ListeningServer> {
    const { carrier, server, options, concurrency } = this.#options;
    if (server !== undefined) return server;
    await requirePackages(carrier);
    const own = carrier.serverOptions(options, { group: this.#bus.group, concurrency });
    return carrier.makeServer({ deserializer: READ_ALL, ...own });
  }
}
