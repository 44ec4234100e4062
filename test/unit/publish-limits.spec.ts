import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  type Event,
  EventConfigurationError,
  type EventErrorNotice,
  EventPublishError,
  MemoryBackend,
  type PublishEntry,
  type PublishOptions,
  type PublishReceipt,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

describe('publishTimeoutMs', () => {
  /** Confirms what is published when told to, if ever. */
  class Silent extends PlainBackend {
    confirm: () => void = () => undefined;
    override publish(): Promise<void> {
      return new Promise((resolve) => (this.confirm = resolve));
    }
  }

  it('rejects when the backend does not answer in time, and ignores what it says later', async () => {
    const backend = new Silent();
    const bus = await startBus({ backend, publishTimeoutMs: 30 });
    const begin = performance.now();
    const error: unknown = await bus.emitAsync('x', 1, { id: 'i' }).catch((thrown: unknown) => thrown);
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(error).toBeInstanceOf(EventPublishError);
    expect((error as Error).message).toBe(
      "The backend 'plain' did not confirm event 'x' (i): it did not answer within publishTimeoutMs = 30",
    );
    backend.confirm();
    expect(await bus.stats()).toMatchObject({ published: 0, publishing: 0 });
  });

  it('holds for each event of a batch, and for batching', async () => {
    const bus = await startBus({
      backend: new Silent(),
      publishTimeoutMs: 30,
      batching: { size: 2, maxDelayMs: 5 },
    });
    const results = await bus.emitBatch([{ type: 'x' }, { type: 'y' }]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(bus.emitAsync('x')).rejects.toThrow('within publishTimeoutMs = 30');
    expect(await bus.stats()).toMatchObject({ publishing: 0 });
  });

  it('costs nothing but a timer when the backend answers', async () => {
    const bus = await startBus({ backend: new PlainBackend(), publishTimeoutMs: 60_000 });
    await expect(bus.emitAsync('x')).resolves.toMatchObject({ backend: 'plain' });
  });

  it.each([0, 1.5, -1])('refuses %p', (publishTimeoutMs) => {
    expect(() => createEventBus({ publishTimeoutMs })).toThrow(
      `EventsModule was given publishTimeoutMs = ${publishTimeoutMs}, but it must be a whole number from 1.`,
    );
  });
});

describe('an id of the caller', () => {
  /** Has seen every id that begins with "known". */
  class Deduplicating extends PlainBackend {
    readonly asked: (PublishOptions | undefined)[] = [];
    override async publish({ id }: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
      this.asked.push(options);
      if (id.startsWith('known')) return { duplicate: true };
    }
    publishBatch(entries: readonly PublishEntry[]): Promise<(PublishReceipt | void)[]> {
      return Promise.all(entries.map(({ event, options }) => this.publish(event, options)));
    }
  }

  it('asks the backend to deduplicate; an id of ours does not', async () => {
    const backend = new Deduplicating();
    const bus = await startBus(backend);
    await bus.emitAsync('x');
    await bus.emitAsync('x', 1, { id: 'mine' });
    expect(backend.asked).toEqual([undefined, { deduplicate: true }]);
  });

  it('shows in the receipt when the event was there already', async () => {
    const bus = await startBus(new Deduplicating());
    expect(await bus.emitAsync('x', 1, { id: 'known' })).toEqual({
      id: 'known',
      backend: 'plain',
      duplicate: true,
    });
    expect(await bus.emitAsync('x', 1, { id: 'new' })).toEqual({ id: 'new', backend: 'plain' });
    const results = await bus.emitBatch([
      { type: 'x', options: { id: 'known too' } },
      { type: 'x', options: { id: 'new too' } },
    ]);
    expect(results).toEqual([
      { status: 'fulfilled', value: { id: 'known too', backend: 'plain', duplicate: true } },
      { status: 'fulfilled', value: { id: 'new too', backend: 'plain' } },
    ]);
  });
});

describe('cancel', () => {
  it('is refused by name when the backend cannot take events back', async () => {
    const bus = await startBus(new PlainBackend());
    await expect(bus.cancel('i')).rejects.toThrow(
      new EventConfigurationError(
        "Event i was to be cancelled, but the backend 'plain' cannot take back delayed events.",
      ),
    );
  });
});

describe('ordering', () => {
  it('is refused at boot for a backend without it', () => {
    expect(() => createEventBus({ backend: new PlainBackend(), ordering: {} })).toThrow(
      "EventsModule was given 'ordering', but the backend 'plain' cannot handle the events of a key in order.",
    );
  });

  it('takes the two policies and nothing else', async () => {
    for (const onFailure of [undefined, 'block-key', 'skip'] as const) {
      createEventBus({ backend: new MemoryBackend(), ordering: { onFailure } });
    }
    expect(() => createEventBus({ ordering: { onFailure: 'park' as never } })).toThrow(
      'EventsModule was given ordering.onFailure = park, but it must be one of block-key, skip.',
    );
  });
});

it('what is deferred is said, and is no failed try', async () => {
  class Shared extends PlainBackend {
    readonly capabilities = { redelivery: true };
  }
  const backend = new Shared();
  const bus = createEventBus(backend);
  const notices: EventErrorNotice[] = [];
  bus.errors.subscribe((notice) => void notices.push(notice));
  await bus.start();
  const { dispatch } = bus.parts.dispatcher;
  const event = { id: 'i', type: 'x', source: 's' } as Event;
  const attempts = [{ at: 1, durationMs: 1, error: { name: 'Error', message: 'once' } }];
  const outcome = await dispatch(event, { handlerId: 'elsewhere', attempt: 2, attempts, deferrals: 1 });
  expect(outcome).toMatchObject({
    status: 'failed',
    retries: [{ handlerId: 'elsewhere', attempt: 2, attempts, deferrals: 2, delayMs: 2000 }],
    deadLetters: [],
  });
  expect(notices).toMatchObject([{ action: 'deferred', handlerId: 'elsewhere', delayMs: 2000 }]);
  await bus.close();
});
