import { randomUUID } from 'node:crypto';
import { createEvent } from '../../lib/event.js';
import { RedisStreamsBackend } from '../../lib/redis.js';
import { waitFor } from '../support/wait-for.js';
import { Ledger } from './ledger.js';
import {
  GROUP,
  HANDLERS,
  ORDER_PLACED,
  type OrderPlaced,
  type ServiceSettings,
} from './programs/settings.js';
import { RedisState } from './redis-state.js';
import { ServiceProcess } from './service-process.js';

/** What differs between the services of a test. */
export type ServiceOptions = Omit<Partial<ServiceSettings>, 'ledger' | 'redis'> &
  Partial<Omit<NonNullable<ServiceSettings['redis']>, 'url' | 'namespace'>>;

const WAIT_MS = 30_000;

/** The processes of one test, what they wrote, and the Redis they share. */
export class Stage {
  readonly ledger = new Ledger();
  readonly redis: RedisState;
  readonly #publisher: RedisStreamsBackend;
  readonly #processes: ServiceProcess[] = [];

  constructor(
    private readonly program: string,
    private readonly url: string,
  ) {
    const namespace = `faults-${randomUUID()}`;
    this.redis = new RedisState(url, namespace);
    this.#publisher = new RedisStreamsBackend({ connection: url, namespace, group: GROUP });
  }

  /** Starts a process that handles orders, unless the options say otherwise. Does not wait until it is ready. */
  launch(options: ServiceOptions = {}): ServiceProcess {
    const { leaseMs = 2000, maxDeliveries, publishTimeoutMs, ...rest } = options;
    const { namespace } = this.redis;
    const redis = { url: this.url, namespace, leaseMs, maxDeliveries, publishTimeoutMs };
    return this.#launch({ handles: true, ...rest, redis });
  }

  /** The same without Redis. */
  launchInMemory(options: Omit<Partial<ServiceSettings>, 'ledger' | 'redis'>): ServiceProcess {
    return this.#launch({ handles: true, ...options });
  }

  /** Starts it and waits until it consumes. */
  async start(options?: ServiceOptions): Promise<ServiceProcess> {
    const service = this.launch(options);
    await service.ready;
    return service;
  }

  /** Publishes orders from the process of the test. Resolves with their ids when all are confirmed. */
  async place(...orders: readonly OrderPlaced[]): Promise<string[]> {
    const events = orders.map((order) => createEvent(ORDER_PLACED, order));
    await Promise.all(events.map((event) => this.#publisher.publish(event)));
    return events.map(({ id }) => id);
  }

  /** Waits for what the ledger will show, and fails at once when a process ends that nobody killed. */
  async until<T>(
    message: string,
    condition: (ledger: Ledger) => T | Promise<T>,
    timeoutMs = WAIT_MS,
  ): Promise<NonNullable<T>> {
    const looked = () => {
      const failed = this.#processes.find((process) => process.failed);
      if (failed) throw new Error(`The process '${failed.name}' ended by itself:\n${failed.output}`);
      return condition(this.ledger.read());
    };
    return waitFor(looked, { message: () => `${message}. ${this.#told()}`, timeoutMs, intervalMs: 25 });
  }

  /** Waits until these events, each by each handler, are in the ledger. */
  async untilHandled(ids: readonly string[], timeoutMs?: number): Promise<void> {
    const unhandled = () =>
      HANDLERS.flatMap((handler) => ids.filter((id) => !this.ledger.of(handler).has(id)));
    await this.until(`${ids.length} orders to be handled`, () => unhandled().length === 0, timeoutMs);
  }

  async untilSettled(timeoutMs?: number): Promise<void> {
    await this.until('nothing to be unread, pending or scheduled', () => this.redis.settled(), timeoutMs);
    // What was written between the last look at the ledger and the one at Redis.
    this.ledger.read();
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    await this.#publisher.close();
    await this.redis.close();
    this.ledger.remove();
  }

  #launch(settings: Omit<ServiceSettings, 'ledger'>): ServiceProcess {
    const name = `${settings.handles ? 'service' : 'producer'}-${this.#processes.length + 1}`;
    const ledger = this.ledger.fileFor(name);
    const process = new ServiceProcess(this.program, name, { ...settings, ledger });
    this.#processes.push(process);
    return process;
  }

  /** For errors. */
  #told(): string {
    const counts = [...HANDLERS, 'confirmed' as const].map((note) => `${this.ledger.of(note).size} ${note}`);
    const outputs = this.#processes.filter(({ output }) => output !== '');
    return [counts.join(', '), ...outputs.map(({ name, output }) => `${name} wrote:\n${output}`)].join('\n');
  }
}
