import { describe, expect, it } from '@jest/globals';
import type { Acks } from '../../lib/backends/redis-streams/acks.js';
import type { Claim } from '../../lib/backends/redis-streams/claim.js';
import type { OrderedClaim } from '../../lib/backends/redis-streams/ordering/ordered-claim.js';
import {
  decodeRemaining,
  encodeRemaining,
  remainingOf,
} from '../../lib/backends/redis-streams/ordering/remaining.js';
import { Shard } from '../../lib/backends/redis-streams/ordering/shard.js';
import { ServerClock } from '../../lib/backends/redis-streams/server-clock.js';
import type { Settler } from '../../lib/backends/redis-streams/settler.js';
import { Suspects } from '../../lib/backends/redis-streams/suspects.js';
import { createEvent } from '../../lib/event.js';
import { encodeEvent } from '../../lib/wire/cloud-events.js';

function clockAt(serverMs: number): ServerClock {
  const clock = new ServerClock();
  clock.observe(serverMs);
  return clock;
}

describe('Redis Streams: a shard', () => {
  /** A shard that never gets as far as Redis, and what it wanted to run. */
  function shardOfItsOwn(): { shard: Shard; run: OrderedClaim[] } {
    const run: OrderedClaim[] = [];
    const shard: Shard = new Shard(0, 'stream', '0', {
      policy: 'block-key',
      clock: clockAt(Date.now()),
      acks: {} as Acks,
      settler: {} as Settler,
      suspects: new Suspects(10, () => shard.chosen()),
      run: (claim: Claim) => run.push(claim as OrderedClaim),
      count: () => Promise.resolve(true),
      onRoom: () => undefined,
    });
    return { shard, run };
  }

  function entry(id: string, key: string, deliveries = 1) {
    const fields = ['event', encodeEvent(createEvent('e', {}, { key }))];
    return { id, fields, deliveries, takenOver: deliveries > 1, progress: '' };
  }

  it('starts nothing once its lease may be over, and begins again when it was renewed', () => {
    const { shard, run } = shardOfItsOwn();
    shard.renewed(Infinity, performance.now() - 1);
    shard.accept([entry('1-0', 'a'), entry('2-0', 'a')]);
    expect(shard.admits(run[0]!)).toBe(false);
    shard.renewed(Infinity, performance.now() + 60_000);
    expect(run.map(({ id }) => id)).toEqual(['1-0', '1-0']);
    expect(shard.admits(run[1]!)).toBe(true);
    expect(shard.active).toBe(1);
  });

  it('starts nothing while it is to go, and begins again when it stays', async () => {
    const { shard, run } = shardOfItsOwn();
    shard.renewed(Infinity, performance.now() + 60_000);
    shard.accept([entry('1-0', 'a'), entry('2-0', 'b')]);
    await shard.leave();
    expect(shard.admits(run[0]!)).toBe(false);
    shard.stay();
    expect(run.map(({ id }) => id)).toEqual(['1-0', '2-0', '1-0']);
  });

  it('runs one of those that may crash the process at a time', async () => {
    const { shard, run } = shardOfItsOwn();
    shard.renewed(Infinity, performance.now() + 60_000);
    shard.accept([entry('1-0', 'a', 8), entry('2-0', 'b', 9), entry('3-0', 'c', 2)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(run.map(({ id }) => id)).toEqual(['1-0', '3-0']);
    expect(shard.admits(run[0]!)).toBe(true);
    shard.settled(run[0]!);
    await new Promise((resolve) => setImmediate(resolve));
    expect(run.map(({ id }) => id)).toEqual(['1-0', '3-0', '2-0']);
  });

  it('tells when it is given away what was not handled, and that nobody is to blame', () => {
    const { shard, run } = shardOfItsOwn();
    shard.renewed(Infinity, performance.now() + 60_000);
    shard.accept([entry('1-0', 'a'), entry('2-0', 'a'), entry('3-0', 'b', 3)]);
    expect(shard.empty()).toEqual([
      ['1-0', 0],
      ['2-0', 0],
      ['3-0', 2],
    ]);
    expect(run[0]!.lost).toBe(true);
    expect(shard.size).toBe(0);
  });
});

describe('Redis Streams: what is left to do of an event', () => {
  it('is due at the same moment for a process with another clock', () => {
    const retry = { handlerId: 'mail', attempt: 2, attempts: [], deferrals: 1, delayMs: 500 };
    const [ours, theirs] = [clockAt(1_000_000), new ServerClock()];
    theirs.observe(ours.now() + 200);
    const before = remainingOf(retry);
    const [after] = decodeRemaining(encodeRemaining([before], ours), theirs);
    const { delayMs: _, ...same } = retry;
    expect(after).toMatchObject(same);
    expect(Math.abs(before.dueAt - after!.dueAt - 200)).toBeLessThan(50);
  });

  it('is nothing when nothing is', () => {
    expect(encodeRemaining([], clockAt(0))).toBe('');
    expect(decodeRemaining('', clockAt(0))).toEqual([]);
  });
});
