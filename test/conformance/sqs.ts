import { RedisDeadLetterStore } from 'nestjs-durable-events/redis';
import { SqsBackend } from 'nestjs-durable-events/sqs';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 20;
/** A virtual machine of Java, on a machine that does other work, may stand still for seconds of it. */
export const leaseMs = 5000;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 128 * 1024;
/** The services that meet in a case: without SNS, whoever publishes has to know them. */
const meeting = [
  ['service-0', 'service-1', 'service-2'],
  ['billing', 'shipping'],
];
/** This one only publishes. */
const publisher = { name: 'service-b', groups: ['service-a'] };

function groupsFor(group: string): readonly string[] {
  if (group === publisher.name) return publisher.groups;
  return meeting.find((groups) => groups.includes(group)) ?? [group];
}

/** Where the backends keep what they need. */
export interface Servers {
  /** Of SQS. */
  readonly endpoint: string;
  /** Of the Redis for dead letters, which SQS cannot list. */
  readonly redis: string;
}

/** The backend with the store that the module would have. */
class StoringSqsBackend extends SqsBackend {
  override readonly deadLetters: RedisDeadLetterStore;

  constructor({ endpoint, redis }: Servers, namespace: string, group: string) {
    super({
      connection: endpoint,
      namespace,
      group,
      groups: groupsFor(group),
      concurrency,
      leaseMs,
      maxEventBytes,
      maxDeliveries: 3,
      publishTimeoutMs: 8000,
      waitTimeSeconds: 1,
    });
    this.deadLetters = new RedisDeadLetterStore({ connection: redis, namespace, group });
  }

  override async close(): Promise<void> {
    await super.close();
    await this.deadLetters.close();
  }
}

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function sqs(servers: () => Servers): (...args: Parameters<BackendFactory>) => SqsBackend {
  return ({ namespace, group }) => new StoringSqsBackend(servers(), namespace, group);
}
