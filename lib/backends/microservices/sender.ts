// Not the global, so that the fake timers of a test do not stop publishing.
import { setImmediate } from 'node:timers';
import { type ClientOptions, type ClientProxy, ClientProxyFactory } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { within } from '../../clients/in-time.js';
import { inTime } from '../../timer.js';
import { EventError, EventPublishError, EventTimeoutError } from '../../errors.js';
import { Opening } from '../shared/opening.js';
import { reasonOf } from './failure.js';
import { type ResolvedMicroservicesOptions, USER } from './options.js';
import { requirePackages } from './packages.js';

/** A client that cannot end in good order is ended after so long. */
const CLOSE_MS = 1000;

/** Emits over a client of Nest, and knows when an event has been taken. */
export class Sender {
  readonly #client = new Opening(() => this.#make());
  #open: ClientProxy | undefined;
  #confirming: Promise<unknown> | undefined;
  #unconfirmed = 0;

  constructor(private readonly options: ResolvedMicroservicesOptions) {}

  /** Events on their way. */
  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  /**
   * Emits a payload; resolves when the transport has taken it.
   *
   * @throws {EventPublishError} when it has not, or nobody knows.
   */
  async send(pattern: string, payload: unknown): Promise<void> {
    this.#unconfirmed++;
    try {
      await this.#inTime(this.#emit(pattern, payload));
    } catch (cause) {
      if (cause instanceof EventError && cause.code !== 'EVENT_TIMEOUT') throw cause;
      throw new EventPublishError(`${this.#name} did not take the event: ${reasonOf(cause)}`, {
        cause: cause instanceof Error ? cause : undefined,
      });
    } finally {
      this.#unconfirmed--;
    }
  }

  /** Resolves when the transport answers, as far as it can be asked. */
  async check(): Promise<void> {
    const client = await this.#client.get();
    try {
      await client.connect();
      await this.options.carrier.confirm?.(client);
    } catch (cause) {
      throw new EventPublishError(`${this.#name} is not there: ${reasonOf(cause)}`);
    }
  }

  /** Waits until everything is taken or refused. */
  async flush(): Promise<void> {
    await this.#confirming?.catch(() => undefined); // each publish tells its caller
  }

  async close(): Promise<void> {
    const client = await this.#client.settled();
    if (client === undefined || this.options.client !== undefined) return;
    if (
      await within(
        CLOSE_MS,
        Promise.resolve(client.close()).catch(() => undefined),
      )
    )
      return;
    this.options.carrier.abort?.(client);
  }

  get #name(): string {
    return `${USER} (${this.options.carrier.name})`;
  }

  async #emit(pattern: string, payload: unknown): Promise<void> {
    const client = this.#open ?? (await this.#client.get());
    const { carrier } = this.options;
    const data = carrier.record === undefined ? payload : carrier.record(payload);
    await lastValueFrom(client.emit(pattern, data), { defaultValue: undefined });
    if (carrier.confirm !== undefined) await (this.#confirming ??= this.#confirm(client));
  }

  /** One round trip for all that was emitted in this turn of the event loop. */
  async #confirm(client: ClientProxy): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#confirming = undefined;
    await this.options.carrier.confirm!(client);
  }

  async #make(): Promise<ClientProxy> {
    const { client, carrier, transport, options } = this.options;
    if (client === undefined) await requirePackages(carrier);
    const own = carrier.clientOptions(options);
    this.#open =
      client ??
      carrier.makeClient?.(own) ??
      ClientProxyFactory.create({ transport, options: own } as ClientOptions);
    return this.#open;
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { publishTimeoutMs } = this.options;
    return inTime(
      work,
      publishTimeoutMs,
      () => new EventTimeoutError(`no confirmation within ${publishTimeoutMs} ms`),
    );
  }
}
