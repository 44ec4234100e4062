import { describe, expect, it } from '@jest/globals';
import { type MemberListener, type MemberOptions, PlatformaticClient } from 'nestjs-durable-events/kafka';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

/** A client that is refused by the group which moves delayed events, once. */
class RefusedOnce extends PlatformaticClient {
  #refused = false;

  override join(options: MemberOptions, listener: MemberListener) {
    if (this.#refused || !options.group.endsWith('.delayed')) return super.join(options, listener);
    this.#refused = true;
    return Promise.reject(new Error('the coordinator is away'));
  }
}

describe('a bus on Kafka whose start fails half-way', () => {
  const stage = useKafka();

  it('leaves nothing that consumes, and can be started again', async () => {
    const client = new RefusedOnce(stage.server.url);
    const members = async () => {
      const { groups } = await stage.admin.describeGroups([`${stage.namespace}.orders`]);
      return groups[0]!.members.length;
    };
    try {
      const bus = stage.bus({ connection: client });
      const seen: unknown[] = [];
      bus.on('order.placed', ({ data }) => void seen.push(data));
      await expect(bus.start()).rejects.toThrow('the coordinator is away');
      expect(await members()).toBe(0);
      await bus.start();
      await bus.emitAsync('order.placed', 1);
      await waitFor(() => seen.length === 1);
      expect(await members()).toBe(1);
      await bus.close();
      expect(await members()).toBe(0);
    } finally {
      await client.close();
    }
  });
});
