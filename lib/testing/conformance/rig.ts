import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { EventBackend } from '../../backends/backend.js';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import type { EventBus } from '../../event-bus.js';
import type { EventsModuleOptions } from '../../events-options.js';
import type { HandlerContext } from '../../handlers/handler.js';
import { type Instance, Instances } from './instances.js';
import type {
  BackendFactory,
  BackendFactoryContext,
  ConformanceCapabilities,
  ConformanceOptions,
  Requirement,
} from './options.js';
import { Peer } from './process/peer.js';
import type { PeerBehaviour } from './process/messages.js';

const POLL_MS = 5;
const QUIET_MS = 100;

type Falsy = undefined | null | false | 0 | '';

/** One call of a handler. */
export interface Call {
  readonly handlerId: string;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly event: Event;
  readonly data: unknown;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly at: number;
}

/** Everything that one case builds and that has to be gone after it. */
export class Rig {
  readonly namespace = `conformance-${randomUUID().slice(0, 8)}`;
  /** Every call of the handlers made by {@link handler}. */
  readonly calls: Call[] = [];
  readonly timeoutMs: number;
  readonly toleranceMs: number;
  /** The lease of the backends; 0 when it is not known. */
  readonly leaseMs: number;
  readonly #instances: Instances;
  readonly #cleanups: (() => unknown)[] = [];

  constructor(
    private readonly factory: BackendFactory,
    readonly capabilities: ConformanceCapabilities,
    readonly options: ConformanceOptions,
  ) {
    this.timeoutMs = options.timeoutMs ?? 5000;
    this.toleranceMs = options.toleranceMs ?? 1000;
    this.leaseMs = options.leaseMs ?? 0;
    this.#instances = new Instances(this.timeoutMs);
  }

  context(group = 'service-a'): BackendFactoryContext {
    return { namespace: this.namespace, group };
  }

  /** Makes a bus that is not started yet. */
  async make(group?: string, options?: EventsModuleOptions): Promise<Instance> {
    const context = this.context(group);
    return this.adopt(await this.factory(context), context, options);
  }

  /** Makes a bus around a backend of the case's own. */
  adopt(backend: EventBackend, context = this.context(), options: EventsModuleOptions = {}): Instance {
    return this.#instances.add(backend, context, options);
  }

  /** Makes a bus, gives it handlers and starts it. */
  async start(
    define: (bus: EventBus) => void,
    group?: string,
    options?: EventsModuleOptions,
  ): Promise<Instance> {
    const instance = await this.make(group, options);
    define(instance.bus);
    await instance.bus.start();
    return instance;
  }

  /** Starts an instance of the service in a process of its own, with handler `h` for `work`. */
  async fork(behaviour: PeerBehaviour): Promise<Peer> {
    const peer = new Peer(this.options.fork!(), this.timeoutMs);
    this.cleanup(() => peer.kill());
    await peer.start({ context: this.context(), behaviour });
    return peer;
  }

  /** A handler that records its calls in {@link calls}, then does what it is given. */
  handler(
    act?: (call: Call, context: HandlerContext) => unknown,
  ): (event: Event, context: HandlerContext) => unknown {
    return (event, context) => {
      const { handlerId, attempt, redelivered } = context;
      const call = { handlerId, attempt, redelivered, event, data: event.data, at: performance.now() };
      this.calls.push(call);
      return act?.(call, context);
    };
  }

  /** The calls of one handler, or of one handler for one payload. */
  callsOf(handlerId: string, data?: unknown): Call[] {
    return this.calls.filter(
      (call) => call.handlerId === handlerId && (data === undefined || call.data === data),
    );
  }

  /** Waits for a condition, and fails with what was awaited. */
  async until<T>(
    what: string,
    condition: () => T | Promise<T>,
    timeoutMs = this.timeoutMs,
  ): Promise<Exclude<T, Falsy>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const value = await condition();
      if (value) return value as Exclude<T, Falsy>;
      assert.ok(
        performance.now() < deadline,
        `Waited ${timeoutMs} ms in vain for ${what}.${this.#recentCalls()}`,
      );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** As {@link until}, for what may have to wait for leases to end. */
  untilTakenOver<T>(what: string, condition: () => T | Promise<T>): Promise<Exclude<T, Falsy>> {
    return this.until(what, condition, this.timeoutMs + 4 * this.leaseMs);
  }

  /**
   * Gives calls that must not come the time to come. Nothing can tell that something does not happen; the time is
   * ten times the backoff of {@link QUICK_RETRY}.
   */
  settle(ms = QUIET_MS): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Waits until the instances have nothing to do any more, where their backends can tell, and a moment longer. */
  async quiet(...instances: readonly Instance[]): Promise<void> {
    for (const { bus } of instances) await bus.idle({ timeoutMs: this.timeoutMs });
    await this.settle();
  }

  /** Waits for the dead letter of a handler. */
  deadLetter(
    bus: EventBus,
    handlerId: string,
    accept: (entry: DeadLetter) => boolean = () => true,
  ): Promise<DeadLetter> {
    return this.until(`a dead letter of handler '${handlerId}'`, async () => {
      const { entries } = await bus.deadLetters.list({ handlerId });
      return entries.find((entry) => entry.status === 'dead' && accept(entry));
    });
  }

  /** A promise for handlers to wait for. Opened at the end of the case, if it was not before. */
  gate(): { readonly passed: Promise<void>; readonly open: () => void } {
    let open!: () => void;
    const passed = new Promise<void>((resolve) => (open = resolve));
    this.#cleanups.push(open);
    return { passed, open };
  }

  /** Makes the broker unreachable until the function that it returns is called, at the end of the case at latest. */
  async breakBroker(): Promise<() => Promise<void>> {
    const restore = await this.options.outage!(this.context());
    let restored: Promise<void> | undefined;
    const once = () => (restored ??= restore());
    this.cleanup(once);
    return once;
  }

  cleanup(run: () => unknown): void {
    this.#cleanups.push(run);
  }

  /** Frees everything; fails when a bus or a backend does not close as it should. */
  async close(): Promise<void> {
    for (const run of this.#cleanups.splice(0)) await run();
    await this.#instances.close();
  }

  #recentCalls(): string {
    const recent = this.calls
      .slice(-10)
      .map(({ handlerId, attempt, event }) => `${handlerId} #${attempt} of '${event.type}'`);
    return recent.length === 0 ? ' No handler was called.' : ` Latest calls: ${recent.join(', ')}.`;
  }
}

/** One thing that a backend has to do. */
export interface ConformanceCase {
  /** A sentence whose subject is the backend, or what the section is about. */
  readonly name: string;
  /** Capabilities and options without which the case makes no sense. */
  readonly needs?: readonly Requirement[];
  readonly run: (rig: Rig) => Promise<void>;
}
