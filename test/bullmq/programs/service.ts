import { Logger } from '@nestjs/common';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { createEventBus } from '../../../lib/create-event-bus.js';

/** A service in a process of its own: consumes until it is told to close, and then has to end by itself. */
Logger.overrideLogger(false); // the outage is meant

const connection = process.env['SERVICE_REDIS']!;
const bus = createEventBus({ backend: new BullMQBackend({ connection, group: 'orders' }), source: 'orders' });
bus.on('x', () => undefined, { id: 'a' });
await bus.start();
process.once('message', () => {
  void bus.close().then(() => process.send!('closed', () => process.disconnect()));
});
process.send!('started');
