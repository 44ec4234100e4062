import { expect } from '@jest/globals';
import { CloudEvent } from 'cloudevents';
import { createEventBus, type EmitOptions, type EventBackend } from 'nestjs-durable-events';

/** What is emitted, and what a reader that knows CloudEvents and nothing of this library makes of it. */
interface Emission {
  readonly type: string;
  readonly data?: unknown;
  readonly options?: EmitOptions;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const EMISSIONS: readonly Emission[] = [
  {
    type: 'order.placed',
    data: { total: 12.5, items: ['täglich 🎓', '"quoted"\n'], nothing: null },
    options: { id: 'order-1' },
    attributes: { id: 'order-1', source: 'shop' },
  },
  { type: 'clock.struck', attributes: { source: 'shop' } },
  {
    type: 'after:signup/ä b',
    data: [1, [true]],
    options: {
      id: 'id with "quotes"',
      key: 'customer 7 ü',
      source: 'https://shop.example/eu',
      version: 3,
      correlationId: 'flow-1',
      causationId: 'cause-1',
      metadata: {
        userId: 'u',
        tenantId: 't',
        requestId: 'r',
        traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        custom: { deep: { list: [1, null] } },
      },
    },
    attributes: {
      id: 'id with "quotes"',
      source: 'https://shop.example/eu',
      schemaversion: 3,
      partitionkey: 'customer 7 ü',
      correlationid: 'flow-1',
      causationid: 'cause-1',
      userid: 'u',
      tenantid: 't',
      requestid: 'r',
      traceid: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      eventmetadata: '{"deep":{"list":[1,null]}}',
    },
  },
];

/** Emits the events by a bus that handles none of them, so that they stay where they are stored. */
export async function storeEvents(backend: EventBackend): Promise<void> {
  const bus = createEventBus({ backend, source: 'shop' });
  try {
    for (const { type, data, options } of EMISSIONS) await bus.emitAsync(type, data, options);
  } finally {
    await bus.close();
  }
}

/** What the SDK of the authors of CloudEvents reads in texts, in the order of their types. @throws when it is no CloudEvent. */
export function readBySdk(texts: readonly string[]): unknown[] {
  const events = texts.map((text) => new CloudEvent<unknown>(JSON.parse(text) as object, true));
  for (const event of events) event.validate();
  return inOrder(events.map((event) => event.toJSON() as { type: string }));
}

/** What {@link readBySdk} is to make of what {@link storeEvents} stored. */
export const STORED = inOrder(
  EMISSIONS.map(({ type, data, attributes }) => ({
    specversion: '1.0',
    id: expect.stringMatching(/./),
    type,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    ...(data !== undefined && { data }),
    ...attributes,
  })),
);

function inOrder<T extends { type: string }>(events: readonly T[]): T[] {
  return [...events].sort((a, b) => a.type.localeCompare(b.type));
}
