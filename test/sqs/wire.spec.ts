import { describe, expect, it } from '@jest/globals';
import { HTTP } from 'cloudevents';
import { createEvent, type Event } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useSqs } from './use-sqs.js';

describe('Messages of SqsBackend', () => {
  const stage = useSqs();

  async function received(send: (queue: string) => Promise<unknown>): Promise<Event> {
    const events: Event[] = [];
    const bus = stage.bus();
    bus.on('**', (event) => void events.push(event), { id: 'h' });
    await bus.start();
    await send(`${stage.namespace}__orders`);
    return waitFor(() => events[0], { message: 'the event' });
  }

  it('are CloudEvents in structured mode, as the SDK of CloudEvents reads them', async () => {
    const event = createEvent('order.placed', { total: 3 }, { source: 'shop', key: 'customer-1' });
    await stage.backend().publish(event);
    const message = await stage.look(`${stage.namespace}__orders`);
    const headers = { 'content-type': message!.MessageAttributes!['content-type']!.StringValue! };
    const read = HTTP.toEvent({ headers, body: message!.Body! });
    expect(read).toMatchObject({
      specversion: '1.0',
      id: event.id,
      type: 'order.placed',
      source: 'shop',
      partitionkey: 'customer-1',
      time: event.createdAt.toISOString(),
      data: { total: 3 },
    });
  });

  it('are read in binary mode, too', async () => {
    const event = await received((queue) =>
      stage.send(queue, '{"total":3}', {
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': '1',
        'ce-type': 'order.placed',
        'ce-source': '/shop',
      }),
    );
    expect(event).toMatchObject({ id: '1', type: 'order.placed', source: '/shop', data: { total: 3 } });
  });

  it('hold every character, also those that SQS refuses', async () => {
    const data = '\u0000\u001F\u007F\uFFFE\uFFFF\uD800';
    const event = await received(() => stage.backend().publish(createEvent('x', data)));
    expect(event.data).toBe(data);
  });

  it('of a service whose name SQS does not take have a queue of their own', async () => {
    for (const group of ['a b', 'a_b', 'a_20_b', 'ä'.repeat(60)]) {
      await stage.backend({ group }).publish(createEvent('x', group));
    }
    for (const queue of ['a_20_b', 'a_5f_b', 'a_5f_20_5f_b'].map((name) => `${stage.namespace}__${name}`)) {
      expect(await stage.look(queue)).toBeDefined();
    }
  });
});
