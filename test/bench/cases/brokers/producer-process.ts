import { cpuMicroseconds } from '../../harness/measure.js';
import { nowUs } from './clock.js';
import { payloadMaker } from './payload.js';
import type { ProducerReport, ProducerRole, ProducerTask } from './remote-producer.js';
import { sendMany, sendSteadily } from './sending.js';
import { transportNamed } from './transports.js';

const { transport, link } = JSON.parse(process.argv[2]!) as ProducerRole;
const { produce } = await transportNamed(transport);
const producer = await produce(link);
const make = payloadMaker(link.payloadBytes);

async function work(task: ProducerTask): Promise<void> {
  const startedAtUs = nowUs();
  const cpu = cpuMicroseconds();
  if ('events' in task) await sendMany(producer, make, task.events, task.inFlight);
  else await sendSteadily(producer, make, task.perSecond, task.forMs);
  const report: ProducerReport = { startedAtUs, cpuNs: (cpuMicroseconds() - cpu) * 1e3 };
  process.send!(report);
}

process.on('message', (task) => void work(task as ProducerTask));
process.once('disconnect', () => {
  void producer.close().then(() => process.exit(0));
});
process.send!('ready');
