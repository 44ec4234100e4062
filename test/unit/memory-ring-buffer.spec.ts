import { expect, it } from '@jest/globals';
import { RingBuffer } from '../../lib/backends/memory/ring-buffer.js';

it('gives items back in order while it grows and wraps', () => {
  const ring = new RingBuffer<number>();
  let pushed = 0;
  let shifted = 0;
  for (let round = 1; round <= 60; round++) {
    for (let i = 0; i < round; i++) ring.push(pushed++);
    for (let i = 0; i < round / 2; i++) expect(ring.shift()).toBe(shifted++);
    expect(ring.length).toBe(pushed - shifted);
  }
  expect(ring.clear()).toEqual(Array.from({ length: pushed - shifted }, (_, i) => shifted + i));
  expect(ring.length).toBe(0);
  expect(ring.shift()).toBeUndefined();
});
