import { describe, expect, it } from '@jest/globals';
import { createEvent, type Event } from 'nestjs-durable-events';
import { HANDLED } from '../../lib/backends/backend.js';
import { Envelopes } from '../../lib/backends/sqs/envelopes.js';
import { BatchCalls } from '../../lib/clients/aws/batch-calls.js';
import { EntryError } from '../../lib/clients/aws/failures.js';
import { createDeadLetter } from '../../lib/dead-letters/create-dead-letter.js';
import { waitFor } from '../support/wait-for.js';
import { useSqs } from './use-sqs.js';

describe('SqsBackend', () => {
  const stage = useSqs();
  const queue = () => `${stage.namespace}__orders`;

  it('stores a retry as a message for the handler that failed, with its history, before the original goes', async () => {
    const bus = stage.bus();
    const figures = async () => (await bus.stats()).backend;
    bus.on('x', () => undefined, { id: 'works' });
    const fail = () => {
      throw new Error('not today');
    };
    bus.on('x', fail, { id: 'fails', retry: { maxRetries: 1, initialBackoffMs: 60_000 } });
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(async () => (await figures())['scheduled'] === 1, { message: 'the retry' });
    expect(await figures()).toMatchObject({ queued: 0, pending: 0, scheduled: 1 });
  });

  it('reads whom a message is for', async () => {
    const calls: string[] = [];
    const bus = stage.bus();
    for (const id of ['a', 'b']) {
      bus.on(
        'x',
        (_, { handlerId, attempt, redelivered }) => void calls.push(`${handlerId}${attempt}${redelivered}`),
        {
          id,
        },
      );
    }
    await bus.start();
    await stage
      .backend()
      .redeliver(createEvent('x', 1), { handlerId: 'b', attempt: 3, redelivered: true, attempts: [] });
    await waitFor(() => calls.length > 0, { message: 'the call' });
    await bus.idle({ timeoutMs: 5000 });
    expect(calls).toEqual(['b3true']);
  });

  it('sends what is not due on its way again, and delivers it to the millisecond', async () => {
    const bus = stage.bus();
    const figures = async () => (await bus.stats()).backend;
    let at = 0;
    bus.on('x', () => void (at = Date.now()), { id: 'h' });
    await bus.start();
    const dueAt = Date.now() + 2300;
    const { body } = new Envelopes(false).retry(createEvent('x', 1), { handlerId: 'h' }, 0);
    await stage.send(queue(), body, { 'events-not-before': String(dueAt) });
    await waitFor(async () => (await figures())['scheduled'] === 1, { message: 'the copy' });
    await waitFor(() => at > 0, { message: 'the event' });
    expect(at).toBeGreaterThanOrEqual(dueAt);
  });

  it('delays by no more than SQS takes, and says when the event is due', () => {
    const before = Date.now();
    const hour = new Envelopes(false).event(createEvent('x', 1), '{}', { delayMs: 3_600_000 });
    expect(hour.delaySeconds).toBe(900);
    expect(Number(hour.attributes['events-not-before'])).toBeGreaterThanOrEqual(before + 3_600_000);
  });

  it('has the history of a retry fit into a message, whatever characters it has', async () => {
    const error = { name: 'Error', message: '\u4E16'.repeat(5000), stack: '\u4E16'.repeat(5000) };
    const attempts = Array.from({ length: 30 }, (_, at) => ({ at, durationMs: 1, error }));
    const event = createEvent('x', 'a'.repeat(190 * 1024));
    await stage.backend().redeliver(event, { handlerId: 'h', attempt: 31, attempts });
    const message = await stage.look(queue());
    const facts = JSON.parse(message!.MessageAttributes!['events-delivery']!.StringValue!) as {
      attempts: unknown[];
    };
    expect(facts).toMatchObject({ handlerId: 'h', attempt: 31 });
    expect(facts.attempts).toHaveLength(20);
  });

  it('lets no message go whose dead letter nobody keeps', async () => {
    const backend = stage.backend({ leaseMs: 1000 });
    let calls = 0;
    await backend.subscribe(async (event) => {
      calls++;
      if (calls > 1) return HANDLED;
      const entry = createDeadLetter(event as Event, 'h', []);
      return { status: 'failed', retries: [], deadLetters: [entry], resolved: [], released: [] };
    });
    await backend.publish(createEvent('x', 1));
    await waitFor(() => calls > 1, { message: 'the event to come again' });
    expect(calls).toBe(2);
  });

  it('keeps a message that cannot be read as a dead letter', async () => {
    const bus = stage.bus();
    bus.on('x', () => undefined, { id: 'h' });
    await bus.start();
    await stage.send(queue(), 'no event', { note: 'hello' });
    const entry = await waitFor(async () => (await bus.deadLetters.list()).entries[0], {
      message: 'the dead letter',
    });
    expect(entry).toMatchObject({ raw: { body: 'no event', headers: { note: 'hello' } } });
  });
});

describe('Batches for AWS', () => {
  it('have ten entries, and tell each what became of it', async () => {
    const calls: number[] = [];
    const batches = new BatchCalls<number>({
      call: async (items) => {
        calls.push(items.length);
        return items.map((item) => (item === 3 ? new EntryError('Refused', 'three', true) : undefined));
      },
    });
    const results = await Promise.allSettled(Array.from({ length: 23 }, (_, i) => batches.add(i)));
    expect(calls).toEqual([10, 10, 3]);
    const failed = results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []));
    expect(failed).toEqual([3]);
    expect(batches.size).toBe(0);
  });

  it('have no more bytes than a call takes', async () => {
    const calls: number[][] = [];
    const batches = new BatchCalls<number>({
      call: async (items) => (calls.push([...items]), []),
      sizeOf: (item) => item,
      mostBytes: 100,
    });
    await Promise.all([60, 30, 20, 90, 200].map((size) => batches.add(size)));
    expect(calls).toEqual([[60, 30], [20], [90], [200]]);
  });

  it('do not let entries suffer from one for which the whole call is refused', async () => {
    const batches = new BatchCalls<number>({
      call: async (items) => {
        if (items.includes(1)) throw new EntryError('InvalidMessageContents', undefined, true);
        return [];
      },
    });
    const results = await Promise.allSettled([0, 1, 2].map((i) => batches.add(i)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
