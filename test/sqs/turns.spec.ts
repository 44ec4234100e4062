import { describe, expect, it } from '@jest/globals';
import { Claim } from '../../lib/backends/sqs/claim.js';
import { Turns } from '../../lib/backends/sqs/turns.js';

/** A message that was received so many times, this one included. */
function received(times: number, begun?: number): Claim {
  const counted = { 'events-begun': { DataType: 'String', StringValue: String(begun) } };
  return new Claim(
    {
      Attributes: { ApproximateReceiveCount: String(times) },
      ...(begun !== undefined && { MessageAttributes: counted }),
    },
    30_000,
  );
}

describe('Messages that were in the hands of processes that ended', () => {
  const ran: Claim[] = [];
  const counts: [Claim, number][] = [];
  const turnsOf = (maxDeliveries: number) => {
    ran.length = counts.length = 0;
    return new Turns({
      maxDeliveries,
      run: (claim) => void ran.push(claim),
      count: (claim, begun) => void counts.push([claim, begun]),
    });
  };

  it('are suspects from the third time on', () => {
    const turns = turnsOf(10);
    expect([1, 2, 3].map((times) => turns.isSuspect(received(times)))).toEqual([false, false, true]);
    expect(turns.isSuspect(received(1, 3))).toBe(true);
  });

  it('have their turn one after the other, and each beginning is counted before it', () => {
    const turns = turnsOf(10);
    const [first, second] = [received(3), received(4)];
    turns.add(first);
    turns.add(second);
    expect(counts).toEqual([[first, 3]]);
    expect(ran).toEqual([]);
    const copy = received(1, 3);
    turns.add(copy);
    expect(ran).toEqual([copy]);
    expect(turns.size).toBe(1);
    turns.left(copy);
    expect(counts).toEqual([
      [first, 3],
      [second, 3],
    ]);
    turns.clear();
  });

  it('are not counted as begun for being held', () => {
    const turns = turnsOf(4);
    expect(turns.begunOf(received(9))).toBe(2);
    expect(turns.begunOf(received(1, 3))).toBe(2);
    expect(turns.begunOf(received(2, 3))).toBe(3);
    expect(turns.begunOf(received(9, 3))).toBe(3);
  });

  it('run no more, but become dead letters, when they were begun too often', () => {
    const turns = turnsOf(3);
    const guilty = received(2, 3);
    turns.add(guilty);
    expect(counts).toEqual([]);
    expect(ran).toEqual([guilty]); // the workers are told how often it was begun
    expect(turns.begunOf(guilty)).toBe(3);
  });
});
