import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';

describe('an event', () => {
  it('has one id, made when it is first read, from the time of creation', () => {
    const createdAt = new Date(1_700_000_000_000);
    const event = createEvent('x', 1, { createdAt });
    expect(event.id).toBe(event.id);
    expect(parseInt(event.id.replace('-', '').slice(0, 12), 16)).toBe(createdAt.getTime());
  });

  it('does not change', () => {
    const event = createEvent('x', { n: 1 }, { metadata: { userId: 'u' } });
    for (const field of ['id', 'type', 'data', 'createdAt', 'source', 'version', 'metadata'] as const) {
      expect(Reflect.set(event, field, 'changed')).toBe(false);
    }
    event.createdAt.setFullYear(1999);
    expect(event.createdAt.getFullYear()).toBeGreaterThan(2000);
    expect(event).toMatchObject({ type: 'x', data: { n: 1 }, metadata: { userId: 'u' } });
  });

  it('keeps its id in another form', () => {
    const event = createEvent('x', 1, { key: 'k' });
    expect(event.with(2, 5, 'y')).toMatchObject({ id: event.id, type: 'y', data: 2, version: 5, key: 'k' });
  });

  it('shows itself in logs and as JSON', () => {
    const event = createEvent('x', { n: 1 }, { id: 'i', createdAt: new Date(0) });
    expect(inspect(event)).toContain("type: 'x'");
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      id: 'i',
      type: 'x',
      data: { n: 1 },
      createdAt: '1970-01-01T00:00:00.000Z',
      source: 'app',
      version: 1,
      correlationId: 'i',
    });
  });
});
