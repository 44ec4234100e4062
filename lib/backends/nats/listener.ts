import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { NatsClient } from '../../clients/nats/connection.js';
import { abortion, within } from '../../clients/in-time.js';
import type { Delivery, DrainRequest } from '../backend.js';
import type { Inbound } from '../shared/inbound.js';

/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;

/** Which events a listener is for. */
export interface Listening {
  readonly subject: string;
  /** Absent: every process gets every event. */
  readonly queue: string | undefined;
  readonly broadcast: boolean;
}

/** Subscribes, and takes the listening side of a process down in order. */
export class Listener {
  #subscriptions: Subscription[] = [];

  constructor(
    private readonly client: NatsClient,
    private readonly inbound: Inbound<Msg>,
  ) {}

  get busy(): boolean {
    return this.inbound.queued + this.inbound.running > 0;
  }

  counters(): Readonly<Record<string, number>> {
    return { queued: this.inbound.queued, inFlight: this.inbound.running };
  }

  /** The server knows of it at the next flush. */
  listen(nc: NatsConnection, { subject, queue, broadcast }: Listening): void {
    const subscribe = (audience: Delivery['audience'], group?: string) => {
      const callback = (_: Error | null, message: Msg) => this.inbound.accept(message, audience);
      this.#subscriptions.push(nc.subscribe(subject, { callback, queue: group }));
    };
    if (queue === undefined) subscribe(undefined);
    else if (broadcast) {
      subscribe('group', queue);
      subscribe('broadcast');
    } else subscribe(undefined, queue);
  }

  /** @returns How many events were interrupted or dropped. */
  async drain({ signal, final }: DrainRequest): Promise<number> {
    await Promise.race([final ? this.#finish() : this.inbound.idle(), abortion(signal)]);
    if (!signal.aborted) return 0;
    const released = this.inbound.abandon();
    await within(ABORT_GRACE_MS, this.inbound.idle());
    return released;
  }

  /** Resolves when what was on its way here has arrived, and nothing more comes. */
  async hangUp(): Promise<void> {
    const draining = this.#subscriptions.splice(0).map((each) => each.drain());
    await Promise.all(draining).catch(() => undefined); // the connection is gone, and all of it with it
  }

  /** Drops what is left. */
  close(): void {
    this.inbound.abandon();
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  /**
   * Handles what is here, and what that emits. Not before nothing more comes of it are the subscriptions given up: nobody
   * else may be there for it.
   */
  async #finish(): Promise<void> {
    do {
      await this.inbound.idle();
      if (this.client.connected) await this.client.current!.flush().catch(() => undefined); // lost, as is all else
    } while (this.busy);
    if (this.client.connected) await this.hangUp();
    await this.inbound.idle();
  }
}
