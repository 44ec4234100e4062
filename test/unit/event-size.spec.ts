import { describe, expect, it } from '@jest/globals';
import { createEvent, EventTooLargeError } from 'nestjs-durable-events';
import { assertEventSize } from '../../lib/wire/event-size.js';

describe('the size of an event', () => {
  const event = createEvent('report.made', {}, { id: 'id-1' });
  const check = (wire: string, limit: number) => () => assertEventSize(event, wire, limit, "option 'max'");

  it.each([
    ['letters', 'a', 1],
    ['umlauts', 'ü', 2],
    ['kanji', '漢', 3],
    ['emoji', '🦄', 4],
  ])('is counted in bytes: %s', (_, char, bytes) => {
    const wire = char.repeat(100);
    expect(check(wire, bytes * 100)).not.toThrow();
    expect(check(wire, bytes * 100 - 1)).toThrow(EventTooLargeError);
  });

  it('is named in the error, with the event, the limit and where it is set', () => {
    expect(check('ü'.repeat(60), 100)).toThrow(
      "Event 'report.made' (id-1) has 120 bytes in its wire form, and the limit is 100 (option 'max').",
    );
  });
});
