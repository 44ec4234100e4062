import { describe, expect, it } from '@jest/globals';
import { PlatformaticClient } from 'nestjs-durable-events/kafka';
import { waitFor } from '../support/wait-for.js';
import { useKafka } from './use-kafka.js';

/** A client that hears late what a broker has done. */
class LateAnswers extends PlatformaticClient {
  /** What others do before the answer comes. */
  meanwhile: () => Promise<unknown> = async () => undefined;

  override async produce(...args: Parameters<PlatformaticClient['produce']>) {
    const stored = await super.produce(...args);
    await this.meanwhile();
    return stored;
  }
}

describe('dead letters of Kafka', () => {
  const stage = useKafka();

  it('belong to whoever took them, who may hear of it after all others', async () => {
    const client = new LateAnswers(stage.server.url);
    try {
      const bus = stage.bus({ connection: client });
      bus.on(
        'order.placed',
        () => {
          throw new Error('no stock');
        },
        { id: 'stock', retry: false },
      );
      await bus.start();
      await bus.emitAsync('order.placed', 1);
      await bus.emitAsync('order.placed', 2);
      await waitFor(async () => (await bus.deadLetters.size()) === 2);
      client.meanwhile = () => bus.deadLetters.size();

      const [entry] = (await bus.deadLetters.list()).entries;
      expect(await bus.deadLetters.discard(entry!.id)).toEqual({ count: 1, ids: [entry!.id] });
      const [one, two] = await Promise.all([bus.deadLetters.drain(), bus.deadLetters.drain()]);
      expect([...one, ...two]).toHaveLength(1);
      await bus.close();
    } finally {
      await client.close();
    }
  });
});
