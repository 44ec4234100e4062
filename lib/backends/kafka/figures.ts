import { idOf, type KafkaClient } from '../../clients/kafka/client.js';
import type { Names } from './names.js';

/** How much is not done. */
export interface Figures {
  readonly queued: number;
  readonly retries: number;
  readonly scheduled: number;
  [name: string]: number;
}

/** What a group has before it: the distance from what it has committed to the ends of its partitions. */
export async function figuresOf(
  client: KafkaClient,
  names: Names,
  group: string,
  partitions: (topic: string) => number,
): Promise<Figures> {
  const [queued, retries, scheduled] = await Promise.all([
    lagOf(client, names.group(group), names.all, partitions),
    lagOf(client, names.group(group), [names.retry(group)], partitions),
    lagOf(client, names.movers, [names.delayed], partitions),
  ]);
  return { queued, retries, scheduled };
}

async function lagOf(
  client: KafkaClient,
  group: string,
  topics: readonly string[],
  partitions: (topic: string) => number,
): Promise<number> {
  const all = topics.flatMap((topic) =>
    Array.from({ length: partitions(topic) }, (_, partition) => ({ topic, partition })),
  );
  const [committed, first, next] = await Promise.all([
    client.committed(group, all),
    client.offsets(all, 'first'),
    client.offsets(all, 'next'),
  ]);
  let lag = 0n;
  for (const each of all) {
    const start = first.get(idOf(each)) ?? 0n;
    const reached = committed.get(idOf(each))?.offset ?? start;
    const distance = (next.get(idOf(each)) ?? start) - (reached > start ? reached : start);
    if (distance > 0n) lag += distance;
  }
  return Number(lag);
}
