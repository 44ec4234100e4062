import { cpuMicroseconds } from '../../harness/measure.js';
import { percentile } from '../../harness/statistics.js';
import type { Effort, Sample } from '../../harness/table.js';
import { Arrivals } from './arrivals.js';
import { payloadMaker } from './payload.js';
import { RemoteProducer } from './remote-producer.js';
import { sendFor } from './sending.js';
import { cpuEach, useServer } from './server.js';
import type { Link } from './transport.js';
import { type TransportName, transportNamed } from './transports.js';

/** Events under way at once while a backlog is made. */
const FILLING = 1_000;
/** Events that are handled before the clock starts: this part of those measured. */
const WARM_UP_PART = 0.5;
/** Latencies of this first time are those of code that is still being compiled. */
const SETTLING_MS = 500;

/** Which transport, over which server. */
export interface BrokerCase {
  readonly transport: TransportName;
  readonly link: Link;
}

/** Publishes, with `inFlight` confirmations outstanding. Nobody consumes. */
export async function measurePublishing(
  { transport, link }: BrokerCase,
  inFlight: number,
  effort: Effort,
): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async (server) => {
    const { prepare, produce } = way;
    await prepare(link);
    const producer = await produce(link);
    const make = payloadMaker(link.payloadBytes);
    await sendFor(producer, make, effort.warmUpMs, inFlight);
    const serverCpu = await server.cpuNs();
    const cpu = cpuMicroseconds();
    const start = performance.now();
    const sent = await sendFor(producer, make, effort.measureMs, inFlight);
    const wallNs = ((performance.now() - start) * 1e6) / sent;
    const cpuNs = ((cpuMicroseconds() - cpu) * 1e3) / sent;
    const serverCpuNs = cpuEach(serverCpu, await server.cpuNs(), sent);
    await producer.close();
    return { wallNs, cpuNs, serverCpuNs };
  });
}

/** Works off a backlog that another process has made. */
export async function measureConsuming({ transport, link }: BrokerCase, events: number): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async (server) => {
    const { prepare, consume } = way;
    await prepare(link);
    const warmUp = Math.ceil(events * WARM_UP_PART);
    const producer = await RemoteProducer.start({ transport, link });
    await producer.run({ events: warmUp + events, inFlight: FILLING });
    await producer.close();
    const arrivals = new Arrivals();
    const begun = arrivals.reach(warmUp).then(async (moment) => ({
      ...moment,
      serverCpuNs: await server.cpuNs(), // the consumer goes on meanwhile
    }));
    const reached = Promise.all([begun, arrivals.reach(warmUp + events)]);
    const consumer = await consume(link, arrivals.handle);
    const [start, end] = await reached;
    const serverCpuNs = cpuEach(start.serverCpuNs, await server.cpuNs(), events);
    await consumer.close();
    arrivals.assertExactly(warmUp + events);
    return {
      wallNs: ((end.atUs - start.atUs) * 1e3) / events,
      cpuNs: ((end.cpuUs - start.cpuUs) * 1e3) / events,
      serverCpuNs,
    };
  });
}

/** From the first publish in one process to the last handler in another. */
export async function measureEndToEnd(
  { transport, link }: BrokerCase,
  events: number,
  inFlight: number,
): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async (server) => {
    const { prepare, consume } = way;
    await prepare(link);
    const arrivals = new Arrivals();
    const consumer = await consume(link, arrivals.handle);
    const producer = await RemoteProducer.start({ transport, link });
    const warmUp = Math.ceil(events * WARM_UP_PART);
    const warm = arrivals.reach(warmUp);
    await producer.run({ events: warmUp, inFlight });
    await warm;
    const serverCpu = await server.cpuNs();
    const cpu = cpuMicroseconds();
    const end = arrivals.reach(warmUp + events);
    const [{ startedAtUs, cpuNs }, { atUs: endUs, cpuUs }] = await Promise.all([
      producer.run({ events, inFlight }),
      end,
    ]);
    const ownCpuNs = (cpuUs - cpu) * 1e3;
    const serverCpuNs = cpuEach(serverCpu, await server.cpuNs(), events);
    await Promise.all([producer.close(), consumer.close()]);
    arrivals.assertExactly(warmUp + events);
    return {
      wallNs: ((endUs - startedAtUs) * 1e3) / events,
      cpuNs: (ownCpuNs + cpuNs) / events,
      serverCpuNs,
    };
  });
}

/** From each publish to its handler, at a rate that leaves everything idle in between. */
export async function measureLatency(
  { transport, link }: BrokerCase,
  perSecond: number,
  forMs: number,
): Promise<Sample> {
  const way = await transportNamed(transport);
  return useServer(link, way, async () => {
    const { prepare, consume } = way;
    await prepare(link);
    const arrivals = new Arrivals({ latencies: true });
    const consumer = await consume(link, arrivals.handle);
    const producer = await RemoteProducer.start({ transport, link });
    const settling = Math.floor((perSecond * SETTLING_MS) / 1_000);
    const all = Math.floor((perSecond * (SETTLING_MS + forMs)) / 1_000);
    const arrived = arrivals.reach(all);
    await producer.run({ perSecond, forMs: SETTLING_MS + forMs });
    await arrived;
    await Promise.all([producer.close(), consumer.close()]);
    arrivals.assertExactly(all);
    const sorted = arrivals.latenciesMs!.slice(settling).sort((a, b) => a - b);
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), maxMs: sorted.at(-1)! };
  });
}
