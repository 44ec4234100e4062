import { appendFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { createEventBus } from 'nestjs-durable-events';
import { sqs } from '../conformance/sqs.js';

/*
 * A service of the storm. Each handler writes to the ledger before it returns: a line that was written stays, whatever
 * becomes of the process.
 */
Logger.overrideLogger(false); // the failures of handlers are meant

const { STORM_SQS, STORM_REDIS, STORM_NAMESPACE, STORM_LEDGER } = process.env;
const make = sqs(() => ({ endpoint: STORM_SQS!, redis: STORM_REDIS! }));
const bus = createEventBus({
  backend: make({ namespace: STORM_NAMESPACE!, group: 'storm' }),
  source: 'storm',
  retry: { maxRetries: 20, initialBackoffMs: 50, maxBackoffMs: 1500 },
});
const write = (handler: string, id: string) => appendFileSync(STORM_LEDGER!, `${handler} ${id}\n`);
bus.on('order.placed', ({ id }) => write('stock', id), { id: 'stock' });
bus.on(
  'order.placed',
  ({ id, data }, { attempt }) => {
    const { n } = data as { n: number };
    if (n % 10 === 0 && attempt === 1) throw new Error('not yet');
    if (n % 100 === 50) throw new Error('never');
    write('invoice', id);
  },
  { id: 'invoice', retry: { maxRetries: 2, initialBackoffMs: 50 } },
);
await bus.start();
process.send!('ready');
