import { describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type CreateEventOptions,
  decodeEvent,
  encodeEvent,
  Event,
  EventSerializationError,
  reviveEvent,
} from 'nestjs-durable-events';

const FULL: CreateEventOptions = {
  id: 'the "id"',
  key: 'customer/7',
  correlationId: 'flow',
  causationId: 'cause',
  inlinedBy: 'shop',
  source: 'shop',
  version: 3,
  createdAt: new Date('2026-02-03T04:05:06.789Z'),
  metadata: {
    userId: 'ü',
    tenantId: 't',
    requestId: 'r',
    traceId: '00-abc',
    custom: { list: [1, { a: null }] },
  },
};

const facts = (event: Event) => event.toJSON();

function cyclic(): object {
  const data: { self?: unknown } = {};
  data.self = data;
  return data;
}

describe('the wire form', () => {
  it('is CloudEvents 1.0 JSON', () => {
    const { id, ...rest } = JSON.parse(
      encodeEvent(createEvent('after:signup', { email: 'a' }, FULL)),
    ) as Record<string, unknown>;
    expect(id).toBe('the "id"');
    expect(rest).toEqual({
      specversion: '1.0',
      source: 'shop',
      type: 'after:signup',
      time: '2026-02-03T04:05:06.789Z',
      schemaversion: 3,
      correlationid: 'flow',
      causationid: 'cause',
      partitionkey: 'customer/7',
      inlinedby: 'shop',
      userid: 'ü',
      tenantid: 't',
      requestid: 'r',
      traceid: '00-abc',
      eventmetadata: '{"list":[1,{"a":null}]}',
      data: { email: 'a' },
    });
  });

  it('has only what the event has, with legal attribute names', () => {
    const wire = JSON.parse(encodeEvent(createEvent('x', undefined))) as object;
    expect(Object.keys(wire)).toEqual(['specversion', 'id', 'source', 'type', 'time']);
    const full = JSON.parse(encodeEvent(createEvent('x', 1, FULL))) as object;
    for (const name of Object.keys(full)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  });

  it.each<[string, unknown]>([
    ['an object', { nested: { list: [1, 'two', null, true] } }],
    ['text with everything', 'a"b\\c\n\u2028 \u{1F600} </script>'],
    ['null', null],
    ['zero', 0],
    ['false', false],
    ['nothing', undefined],
  ])('comes back as it was: %s', (_, data) => {
    const event = createEvent('order.placed', data, FULL);
    expect(facts(decodeEvent(encodeEvent(event)))).toEqual(facts(event));
    expect(facts(reviveEvent(JSON.parse(encodeEvent(event)) as Record<string, unknown>))).toEqual(
      facts(event),
    );
    expect(facts(reviveEvent(JSON.parse(JSON.stringify(event)) as Record<string, unknown>))).toEqual(
      facts(event),
    );
    expect(reviveEvent(event)).toBe(event);
  });

  it('names the flow of a first event by its own id', () => {
    const event = createEvent('x', 1);
    const wire = encodeEvent(event);
    expect(wire).not.toContain('correlationid');
    expect(decodeEvent(wire).correlationId).toBe(event.id);
  });

  it.each<[string, unknown]>([
    ['a cycle', cyclic()],
    ['a BigInt', { n: 1n }],
  ])('cannot hold %s', (_, data) => {
    const encode = () => encodeEvent(createEvent('x', data));
    expect(encode).toThrow(EventSerializationError);
    expect(encode).toThrow("The data of event 'x' cannot be written as JSON: ");
  });
});

describe('an event of another language', () => {
  const foreign = { specversion: '1.0', id: '1', source: '/orders', type: 'order.placed' };

  it('is read with the least it must have', () => {
    const before = Date.now();
    const event = decodeEvent(foreign);
    expect(event).toBeInstanceOf(Event);
    expect(event).toMatchObject({
      id: '1',
      source: '/orders',
      type: 'order.placed',
      version: 1,
      metadata: {},
    });
    expect(event.data).toBeUndefined();
    expect(event.createdAt.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('may have attributes that are null, or that we do not know', () => {
    const event = decodeEvent({
      ...foreign,
      time: null,
      schemaversion: null,
      partitionkey: null,
      userid: null,
      eventmetadata: null,
      subject: 'unknown',
    });
    expect(event).toMatchObject({ version: 1, metadata: {} });
    expect(event.key).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['text that is not JSON', '{', 'it is not JSON'],
    ['a list', '[]', 'it is not a JSON object'],
    ['no id', { ...foreign, id: undefined }, "its 'id' is missing or empty"],
    ['an empty type', { ...foreign, type: '' }, "its 'type' is missing or empty"],
    ['a source that is no text', { ...foreign, source: 5 }, "its 'source' is missing or empty"],
    ['a time that is none', { ...foreign, time: 'soon' }, 'its \'time\' is not a date: "soon"'],
    [
      'a version that is none',
      { ...foreign, schemaversion: 'new' },
      "its 'schemaversion' is not a whole number from 1",
    ],
    ['metadata that is not JSON', { ...foreign, eventmetadata: 'x' }, 'it is not JSON'],
    ['binary data', { ...foreign, data_base64: 'AAE=' }, "its data is binary ('data_base64'), not JSON"],
  ])('is refused with %s', (_, wire, message) => {
    const decode = () => decodeEvent(wire as string);
    expect(decode).toThrow(EventSerializationError);
    expect(decode).toThrow(`A message is not a readable CloudEvent: ${message}`);
  });
});
