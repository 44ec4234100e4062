import { randomBytes } from 'node:crypto';
import type { DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import { createEvent } from '../../lib/event.js';
import { RedisDeadLetterStore } from '../../lib/redis.js';
import { waitFor } from '../support/wait-for.js';
import type { Accounts } from './accounts.js';
import type { BrokerView } from './brokers/broker-view.js';
import { everyDeadLetter } from './brokers/every-dead-letter.js';
import { openBrokerView } from './brokers/open-broker-view.js';
import type { BuiltPrograms } from './build-programs.js';
import type { EffectsDatabase } from './effects-database.js';
import { Ledger } from './ledger.js';
import {
  type BackendKind,
  type BackendSettings,
  GROUP,
  HANDLERS,
  type InboxSettings,
  ORDER_PLACED,
  type OrderPlaced,
  type ServiceSettings,
} from './programs/settings.js';
import { ServiceProcess } from './service-process.js';

/** What differs between the services of a test. */
export type ServiceOptions = Omit<Partial<ServiceSettings>, 'name' | 'ledger' | 'backend'> &
  Partial<Omit<BackendSettings, 'kind' | 'namespace'>>;

const WAIT_MS = 30_000;

/** What services have beside their backend. */
export interface Extras {
  /** Dead letters are kept apart from it. */
  readonly deadLetterStore?: boolean;
  readonly inbox?: StageInbox;
  /** The Redis that stores are in. Default: the broker. */
  readonly redis?: string;
}

/** Where services remember what they have handled. */
export type StageInbox =
  | { readonly kind: 'redis'; readonly leaseMs: number }
  | { readonly kind: 'postgres'; readonly leaseMs: number; readonly database: EffectsDatabase };

/** The processes of one test, what they told the ledger, and the broker they share. */
export class Stage {
  readonly #processes: ServiceProcess[] = [];

  private constructor(
    readonly kind: BackendKind,
    private readonly program: string,
    private readonly url: string,
    readonly ledger: Ledger,
    readonly broker: BrokerView,
    private readonly extras: Extras,
  ) {}

  /** @param url Where the broker is. */
  static async open(
    kind: BackendKind,
    url: string,
    programs: BuiltPrograms,
    extras: Extras = {},
  ): Promise<Stage> {
    const ledger = await Ledger.open(programs.ledger);
    // Letters, digits and _, which every broker takes.
    const broker = openBrokerView(kind, url, `faults_${randomBytes(8).toString('hex')}`);
    return new Stage(kind, programs.service, url, ledger, broker, extras);
  }

  /**
   * What makes services use the extras.
   *
   * @param url Where they are to look for Redis, if that is the broker.
   */
  stores(url: string): Pick<ServiceSettings, 'deadLetters' | 'inbox'> {
    const { deadLetterStore, inbox, redis = url } = this.extras;
    const namespace = this.#apart;
    return {
      deadLetters: deadLetterStore ? { url: redis, namespace } : undefined,
      inbox: inbox && settingsOf(inbox, redis, namespace),
    };
  }

  /** Wherever the services keep them. */
  async deadLetters(): Promise<DeadLetter[]> {
    const { deadLetterStore, redis: connection = this.url } = this.extras;
    if (!deadLetterStore) return this.broker.deadLetters();
    const store = new RedisDeadLetterStore({ connection, namespace: this.#apart, group: GROUP });
    try {
      return [...(await everyDeadLetter(store)), ...(await this.broker.deadLetters())];
    } finally {
      await store.close();
    }
  }

  /** Starts a process that handles orders, unless the options say otherwise. Does not wait until it is ready. */
  launch(options: ServiceOptions = {}): ServiceProcess {
    const { url = this.url, leaseMs = 2000, maxDeliveries, publishTimeoutMs, ...rest } = options;
    const { namespace } = this.broker;
    const backend = { kind: this.kind, url, namespace, leaseMs, maxDeliveries, publishTimeoutMs };
    return this.#launch({ handles: true, ...rest, backend });
  }

  /** The same without a broker. */
  launchInMemory(options: Omit<Partial<ServiceSettings>, 'name' | 'ledger' | 'backend'>): ServiceProcess {
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
    await Promise.all(
      events.map(async (event) => {
        await this.broker.publish(event);
        await this.ledger.confirm(event.id, event.data.n);
      }),
    );
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
    await this.until('nothing to be unread, pending or scheduled', () => this.broker.settled(), timeoutMs);
    // What was written between the last look at the ledger and the one at the broker.
    this.ledger.read();
  }

  /** As things stand now. */
  async accounts(): Promise<Accounts> {
    const outstanding = await this.broker.outstanding();
    const deadLetters = await this.deadLetters();
    const { inbox } = this.extras;
    const effects = inbox?.kind === 'postgres' ? await inbox.database.effects() : undefined;
    return { ledger: this.ledger.read(), deadLetters, outstanding, effects };
  }

  /** How often a service was not able to start. */
  get refusedStarts(): number {
    return this.#processes.filter(({ refusedToStart }) => refusedToStart).length;
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    await this.broker.close();
    await this.ledger.close();
  }

  /** The namespace of a store beside the backend. */
  get #apart(): string {
    return `${this.broker.namespace}-apart`;
  }

  #launch(settings: Omit<ServiceSettings, 'name' | 'ledger'>): ServiceProcess {
    const name = `${settings.handles ? 'service' : 'producer'}-${this.#processes.length + 1}`;
    const process = new ServiceProcess(this.program, { ...settings, name, ledger: this.ledger.socket });
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

function settingsOf(inbox: StageInbox, url: string, namespace: string): InboxSettings {
  const { kind, leaseMs } = inbox;
  return { kind, leaseMs, namespace, url: kind === 'redis' ? url : inbox.database.url };
}
