import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { nestTransport } from '../nest-application.js';

/** As many as with plain BullMQ. */
const CONCURRENCY = 100;

/** Through BullMQ, which removes finished jobs here as in the cases of plain BullMQ. */
export const oursOnBullmq = nestTransport({
  backend: ({ url, leaseMs }) =>
    new BullMQBackend({
      connection: url,
      group: 'bench',
      concurrency: CONCURRENCY,
      leaseMs,
      removeOnComplete: true,
    }),
});
