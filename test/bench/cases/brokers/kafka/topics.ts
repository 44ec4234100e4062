import { Admin } from '@platformatic/kafka';
import type { Link } from '../transport.js';

/** As many as ours has. */
export const PARTITIONS = 6;

/** The brokers behind a URL, as clients take them. */
export function brokersOf({ url }: Link): string[] {
  return url.replace('kafka://', '').split(',');
}

/** Makes the topic of one run. */
export function makeTopic(link: Link): Promise<void> {
  return withAdmin(link, async (admin) => {
    await admin.createTopics({ topics: [link.namespace], partitions: PARTITIONS, replicas: 1 });
  });
}

/** Removes the topics of one run. */
export function removeTopics(link: Link): Promise<void> {
  return withAdmin(link, async (admin) => {
    const topics = (await admin.listTopics()).filter((name) => name.startsWith(link.namespace));
    await admin.deleteTopics({ topics });
  });
}

async function withAdmin(link: Link, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: brokersOf(link) });
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}
