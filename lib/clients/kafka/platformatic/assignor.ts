import { idOf, type TopicPartition } from '../client.js';
import type { Subscription } from './consumer-protocol.js';

/**
 * Shares partitions out: those of each topic evenly, and each stays with who has it as far as that goes. One that has to
 * move is given to nobody until its owner has let go of it and joined again, so that nobody reads it beside the other.
 *
 * @param members Their subscriptions by member id.
 * @param partitions How many partitions each topic has.
 */
export function assign(
  members: ReadonlyMap<string, Subscription>,
  partitions: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const owners = ownersOf(members);
  const assigned = new Map<string, TopicPartition[]>([...members.keys()].sort().map((id) => [id, []]));
  for (const [topic, count] of [...partitions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const takers = [...assigned.keys()].filter((id) => members.get(id)!.topics.includes(topic));
    if (takers.length > 0) shareTopic(topic, count, takers, owners, assigned);
  }
  return assigned;
}

function shareTopic(
  topic: string,
  count: number,
  takers: readonly string[],
  owners: ReadonlyMap<string, string>,
  assigned: ReadonlyMap<string, TopicPartition[]>,
): void {
  const all = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  const kept = new Map<string, TopicPartition[]>(takers.map((id) => [id, []]));
  for (const each of all) kept.get(owners.get(idOf(each)) ?? '')?.push(each);
  // Those who have most keep one more where it does not come out even; among equals, those who have fewest in all.
  const ranked = takers.toSorted(
    (a, b) => kept.get(b)!.length - kept.get(a)!.length || assigned.get(a)!.length - assigned.get(b)!.length,
  );
  const quota = new Map(
    ranked.map((id, rank) => [
      id,
      Math.floor(count / takers.length) + (rank < count % takers.length ? 1 : 0),
    ]),
  );
  for (const id of takers) assigned.get(id)!.push(...spread(kept.get(id)!, quota.get(id)!));
  const free = all.filter((each) => !owners.has(idOf(each)));
  // In turns: neighbours often have the same kind of work.
  const room = new Map(ranked.map((id) => [id, Math.max(0, quota.get(id)! - kept.get(id)!.length)]));
  while (free.length > 0 && [...room.values()].some((left) => left > 0)) {
    for (const id of ranked) {
      const left = room.get(id)!;
      if (left === 0 || free.length === 0) continue;
      assigned.get(id)!.push(free.shift()!);
      room.set(id, left - 1);
    }
  }
}

/** Who has which partition. Of two who say so, the one who got it later is right. */
function ownersOf(members: ReadonlyMap<string, Subscription>): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const [id, { generation, owned }] of members) {
    for (const partition of owned) {
      const other = owners.get(idOf(partition));
      if (other === undefined || members.get(other)!.generation < generation) owners.set(idOf(partition), id);
    }
  }
  return owners;
}

/** So many of them, as far apart as can be. */
function spread<T>(things: readonly T[], count: number): T[] {
  if (things.length <= count) return [...things];
  return Array.from({ length: count }, (_, i) => things[Math.floor((i * things.length) / count)]!);
}
