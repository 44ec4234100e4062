import { setTimeout } from 'node:timers/promises';
import type { ConsumerRole } from './remote-consumer.js';
import { transportNamed } from './transports.js';

const { transport, link, forMs } = JSON.parse(process.argv[2]!) as ConsumerRole;
const { consume } = await transportNamed(transport);
let begun = 0;
await consume(link, async () => {
  process.send!(++begun);
  await setTimeout(forMs);
});
process.once('disconnect', () => process.exit(0));
process.send!('ready');
