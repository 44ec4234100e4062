import { describe, expect, it } from '@jest/globals';
import { uuidv7 } from 'nestjs-durable-events';

const timeOf = (id: string) => parseInt(id.replace('-', '').slice(0, 12), 16);

describe('uuidv7', () => {
  it('has the form of RFC 9562', () => {
    for (let i = 0; i < 5000; i++) {
      expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it.each([0, 1, 255, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_763_700_000_123, 2 ** 48 - 1])(
    'begins with the time %d',
    (time) => {
      expect(timeOf(uuidv7(time))).toBe(time);
    },
  );

  it('sorts by time', () => {
    const times = [1, 1000, 1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000];
    const ids = times.map((time) => uuidv7(time));
    expect(ids.toSorted()).toEqual(ids);
  });

  it('does not repeat, and uses all random bits', () => {
    const ids = Array.from({ length: 20_000 }, () => uuidv7(1));
    expect(new Set(ids).size).toBe(ids.length);
    const bits = Array.from({ length: 128 }, () => 0);
    for (const id of ids) {
      const value = BigInt(`0x${id.replaceAll('-', '')}`);
      for (let bit = 0; bit < 128; bit++) bits[bit]! += Number((value >> BigInt(bit)) & 1n);
    }
    // 74 random bits: 12 behind the version, 62 behind the variant.
    const random = bits.filter((ones) => ones > 0 && ones < ids.length);
    expect(random).toHaveLength(74);
    for (const ones of random) expect(Math.abs(ones / ids.length - 0.5)).toBeLessThan(0.05);
  });
});
