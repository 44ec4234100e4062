import { describe, expect, it } from '@jest/globals';
import { createEventBus } from 'nestjs-durable-events';
import {
  type FetchTarget,
  type MemberListener,
  type MemberOptions,
  PlatformaticClient,
} from 'nestjs-durable-events/kafka';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

type Fetched = Parameters<FetchTarget['received']>[0];

/** A client whose group takes a partition away and gives it back while an answer of its broker is on the way. */
class LateFetch extends PlatformaticClient {
  /** What was asked for before, and arrives when the partition is back. */
  late: Fetched | undefined;
  #listener: MemberListener | undefined;
  #state: 'usual' | 'late' | 'back' = 'usual';

  constructor(
    url: string,
    private readonly topic: string,
  ) {
    super(url);
  }

  override fetch(target: FetchTarget) {
    return super.fetch({
      wanted: () => target.wanted(),
      patience: () => target.patience(),
      answered: () => target.answered(),
      misplaced: (where) => target.misplaced(where),
      failed: (error) => target.failed(error),
      received: (fetched) => this.#received(target, fetched),
    });
  }

  override join(options: MemberOptions, listener: MemberListener) {
    if (options.topics.includes(this.topic)) this.#listener = listener;
    return super.join(options, listener);
  }

  /** From now on, what is fetched is on its way. */
  holdBack(): void {
    this.#state = 'late';
  }

  /** As when a session ran out: the member joins anew, and has what it had. */
  rebalance(): void {
    const partition = { topic: this.topic, partition: 0 };
    this.#listener!.lost([partition]);
    this.#state = 'back';
    this.#listener!.assigned([partition]);
  }

  #received(target: FetchTarget, fetched: Fetched): void {
    if (fetched.topic !== this.topic || this.#state === 'usual') return target.received(fetched);
    if (this.#state === 'late') {
      this.late ??= fetched;
      return;
    }
    // What is not from the first record on is late as well.
    if (fetched.records[0]?.offset !== 0n) return;
    this.#state = 'usual';
    target.received(this.late!);
    target.received(fetched);
  }
}

describe('a partition of Kafka that is lost and comes back', () => {
  const stage = useKafka();

  it('is read from where the group is, whatever was asked for before', async () => {
    const client = new LateFetch(stage.server.url, stage.namespace);
    try {
      const backend = stage.backend({ connection: client, partitions: 1, concurrency: 1 });
      const bus = createEventBus({ backend, source: 'orders' });
      const seen = new Set<unknown>();
      let goOn!: () => void;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      let begun = 0;
      bus.on('order.placed', async ({ data }) => {
        begun++;
        await gate;
        seen.add(data);
      });
      await bus.start();
      for (let i = 0; i < 5; i++) await bus.emitAsync('order.placed', i);
      await waitFor(async () => begun === 1 && (await backend.stats())['buffered'] === 4, {
        message: 'one to run, and the others to wait for it',
      });
      client.holdBack();
      await bus.emitAsync('order.placed', 5);
      await waitFor(() => client.late);
      client.rebalance();
      goOn();
      await waitFor(() => seen.size === 6, {
        timeoutMs: 10_000,
        message: () => `all events to be handled, and not only ${[...seen].join()}`,
      });
      await bus.close();
    } finally {
      await client.close();
    }
  });
});

describe('a partition of Kafka with events that wait for a retry in their place', () => {
  const stage = useKafka();

  it('is read when what was kept of them is gone, and they begin anew', async () => {
    const first = stage.backend({ partitions: 1 });
    const bus = createEventBus({ backend: first, source: 'orders' });
    const retry = { maxRetries: 5, initialBackoffMs: 60_000 };
    bus.on('order.placed', () => Promise.reject(new Error('no stock')), { id: 'stock', retry });
    await bus.start();
    for (const key of ['a', 'b']) await bus.emitAsync('order.placed', key, { key });
    await waitFor(async () => (await first.stats())['scheduled'] === 2, { message: 'both to wait' });
    await bus.close();

    const topic = `${stage.namespace}.orders.state`;
    await stage.admin.deleteTopics({ topics: [topic] });
    await waitFor(async () => !(await stage.admin.listTopics()).includes(topic));
    const next = stage.bus({ partitions: 1 });
    const seen: unknown[] = [];
    next.on('order.placed', ({ data }) => void seen.push(data), { id: 'stock' });
    await next.start();
    await waitFor(() => seen.length === 2, { timeoutMs: 10_000 });
    expect(seen).toEqual(['a', 'b']);
  });
});
