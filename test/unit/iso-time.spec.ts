import { describe, expect, it } from '@jest/globals';
import { formatTime, parseTime } from '../../lib/wire/iso-time.js';

const moments = [
  0, 1, 999, 1000, 1001, 59_999, 1_700_000_000_000, 1_700_000_000_007, 1_700_000_000_070, 1_700_000_000_999,
  1_700_000_001_000, -1, -1000, -1001, 253_402_300_799_999,
];

describe('times on the wire', () => {
  it('are what Date writes, whatever was written before', () => {
    for (const ms of [...moments, ...moments.toReversed()])
      expect(formatTime(ms)).toBe(new Date(ms).toISOString());
  });

  it('are read as Date reads them, whatever was read before', () => {
    for (const ms of [...moments, ...moments.toReversed()])
      expect(parseTime(new Date(ms).toISOString())).toBe(ms);
    for (const text of [
      '2026-11-21T08:00:00+02:00',
      '2026-11-21',
      '2026-11-21T08:00:00Z',
      '2026-11-21T08:00:00.5Z',
    ]) {
      expect(parseTime(text)).toBe(Date.parse(text));
    }
  });

  it('are not a number when they are no date', () => {
    for (const text of ['', 'yesterday', '2026-13-01T00:00:00.000Z', '2026-11-21T08:00:00.abcZ']) {
      expect(parseTime(text)).toBeNaN();
    }
  });
});
