import { randomUUID } from 'node:crypto';
import { Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { queueNameOf } from '../../lib/backends/bullmq/names.js';
import type { BullMQOptions } from '../../lib/backends/bullmq/options.js';
import { createEventBus } from '../../lib/create-event-bus.js';
import type { EventErrorNotice } from '../../lib/error-stream.js';
import type { EventBus } from '../../lib/event-bus.js';
import type { EventsModuleOptions } from '../../lib/events-options.js';
import { waitFor } from '../support/wait-for.js';

/** A service on a backend. */
export interface Service {
  readonly bus: EventBus;
  readonly backend: BullMQBackend;
  readonly notices: EventErrorNotice[];
}

/** Services that share one server and one namespace, and what BullMQ itself says about their jobs. */
export class Harness {
  readonly namespace = `test-${randomUUID().slice(0, 8)}`;
  readonly client: Redis;
  readonly #services: Service[] = [];
  readonly #closings: (() => Promise<unknown> | void)[] = [];

  constructor(readonly url: string) {
    this.client = new Redis(url, { maxRetriesPerRequest: null });
    // Tests stop servers; what matters is what the backend does about it.
    this.client.on('error', () => undefined);
  }

  backend(options: Partial<BullMQOptions> = {}): BullMQBackend {
    const defaults = { connection: this.url, namespace: this.namespace, group: 'orders', leaseMs: 1000 };
    return new BullMQBackend({ ...defaults, ...options });
  }

  /** Makes a bus that is not started yet. */
  make(options: Partial<BullMQOptions> = {}, module: EventsModuleOptions = {}): Service {
    const backend = this.backend(options);
    const notices: EventErrorNotice[] = [];
    const bus = createEventBus({
      backend,
      source: options.group ?? 'orders',
      retry: { maxRetries: 2, initialBackoffMs: 20, backoffMultiplier: 1 },
      drainTimeoutMs: 1000,
      abortGraceMs: 300,
      onError: (notice) => notices.push(notice),
      ...module,
    });
    const service = { bus, backend, notices };
    this.#services.push(service);
    return service;
  }

  /** Makes a bus, gives it handlers and starts it. */
  async start(
    define: (bus: EventBus) => void,
    options: Partial<BullMQOptions> = {},
    module: EventsModuleOptions = {},
  ): Promise<Service> {
    const service = this.make(options, module);
    define(service.bus);
    await service.bus.start();
    return service;
  }

  /** The queue of a group as anybody sees it who uses BullMQ alone. */
  queue(group = 'orders'): Queue {
    const queue = new Queue(queueNameOf(this.namespace, group), { connection: this.client });
    this.onClose(() => queue.close());
    return queue;
  }

  /** Waits until one job of a group is in a state, and returns it. */
  job(state: 'waiting' | 'active' | 'delayed' | 'completed' | 'failed', group?: string): Promise<Job> {
    const queue = this.queue(group);
    return waitFor(async () => (await queue.getJobs([state]))[0], {
      timeoutMs: 10_000,
      message: `a job that is ${state}`,
    });
  }

  onClose(close: () => Promise<unknown> | void): void {
    this.#closings.push(close);
  }

  async close(): Promise<void> {
    await Promise.all(this.#services.map(({ bus }) => bus.close()));
    for (const close of this.#closings) await close();
    this.client.disconnect();
  }
}

/** A promise and its resolver, for handlers that wait until the test says so. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** A handler that throws the first time, and knows how often it was called. */
export function failingOnce(error: Error): { (): void; calls: number } {
  const handler = () => {
    if (++handler.calls === 1) throw error;
  };
  handler.calls = 0;
  return handler;
}
