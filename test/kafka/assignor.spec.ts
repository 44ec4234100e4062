import { describe, expect, it } from '@jest/globals';
import { idOf } from '../../lib/clients/kafka/client.js';
import { assign } from '../../lib/clients/kafka/platformatic/assignor.js';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Subscription,
} from '../../lib/clients/kafka/platformatic/consumer-protocol.js';

const TOPICS = ['events', 'retries'];
const COUNTS = new Map([
  ['events', 7],
  ['retries', 4],
]);

type Members = Map<string, Subscription>;

function join(members: Members, ...ids: string[]): void {
  for (const id of ids) members.set(id, { topics: TOPICS, owned: [], generation: -1 });
}

/** One round of the group. What members have to let go of, they do before the next. */
function round(members: Members, generation: number): ReadonlyMap<string, readonly string[]> {
  const assigned = assign(members, COUNTS);
  const given = [...assigned.values()].flat().map(idOf);
  expect(new Set(given).size).toBe(given.length);
  for (const [id, partitions] of assigned) {
    const others = [...members].filter(([other]) => other !== id).flatMap(([, { owned }]) => owned.map(idOf));
    for (const partition of partitions) expect(others).not.toContain(idOf(partition));
  }
  for (const [id, partitions] of assigned) members.set(id, { topics: TOPICS, owned: partitions, generation });
  return new Map([...assigned].map(([id, partitions]) => [id, partitions.map(idOf)]));
}

const all = (assigned: ReadonlyMap<string, readonly string[]>) => [...assigned.values()].flat().sort();

describe('sharing partitions out', () => {
  it('gives everything to somebody, evenly, two rounds after members came or went, and nothing to two at once', () => {
    const members: Members = new Map();
    let generation = 0;
    const everything = [...COUNTS].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, i) => `${topic}/${i}`),
    );
    for (const change of [
      () => join(members, 'a'),
      () => join(members, 'b', 'c'),
      () => join(members, 'd'),
      () => void members.delete('a'),
      () => (members.delete('c'), join(members, 'e', 'f', 'g', 'h', 'i')),
      () => ['b', 'd', 'e', 'f'].forEach((id) => members.delete(id)),
    ]) {
      change();
      round(members, generation++);
      const assigned = round(members, generation++);
      expect(all(assigned)).toEqual(everything.sort());
      for (const [topic, count] of COUNTS) {
        const sizes = [...assigned.values()].map(
          (those) => those.filter((id) => id.startsWith(topic)).length,
        );
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
      }
    }
  });

  it('leaves everything where it is when nothing has changed', () => {
    const members: Members = new Map();
    join(members, 'a', 'b', 'c');
    const before = round(members, 1);
    expect(round(members, 2)).toEqual(before);
  });

  it('believes the one of two who got a partition later', () => {
    const partition = { topic: 'events', partition: 0 };
    const members: Members = new Map([
      ['a', { topics: TOPICS, owned: [partition], generation: 5 }],
      ['b', { topics: TOPICS, owned: [partition], generation: 6 }],
    ]);
    const assigned = assign(members, new Map([['events', 1]]));
    expect(assigned.get('b')!.map(idOf)).toEqual(['events/0']);
  });

  it('gives partitions to those alone who read their topic', () => {
    const members: Members = new Map([
      ['a', { topics: ['events'], owned: [], generation: 0 }],
      ['b', { topics: ['retries'], owned: [], generation: 0 }],
    ]);
    const assigned = assign(members, COUNTS);
    expect(assigned.get('a')!.every(({ topic }) => topic === 'events')).toBe(true);
    expect(assigned.get('b')).toHaveLength(4);
  });

  it('is written and read', () => {
    const owned = [
      { topic: 'events', partition: 3 },
      { topic: 'a/b', partition: 12 },
    ];
    const subscription = { topics: TOPICS, owned, generation: 9 };
    expect(decodeSubscription(encodeSubscription(subscription))).toEqual(subscription);
    expect(decodeAssignment(encodeAssignment(owned))).toEqual(owned);
    expect(decodeAssignment(Buffer.alloc(0))).toEqual([]);
  });
});
