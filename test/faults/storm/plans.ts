import type { DurableBackend } from '../brokers/kinds.js';
import { FAULTS, type FaultName } from './faults.js';
import type { Effort, StormPlan } from './plan.js';

/** What takes a server away. A file has neither a process to be killed or stopped, nor a network in between. */
const AWAY: readonly FaultName[] = [
  'broker killed',
  'broker stopped',
  'consumer half-open',
  'producer half-open',
];

/** What takes connections, data and answers away, and leaves every process of a service alive. */
const OUTAGES: readonly FaultName[] = [...AWAY, 'writes refused'];

/** What ends processes, at chosen points and at any. */
const KILLS: readonly FaultName[] = [
  'consumer killed',
  'all consumers killed',
  'crash after effect',
  'crash before ack',
];

const EVERYTHING = Object.keys(FAULTS) as FaultName[];

type Kind = { readonly long: boolean; readonly share?: number } & Partial<StormPlan> &
  Pick<StormPlan, 'name' | 'faults'>;

/**
 * - Without an inbox, what was not acknowledged is done again.
 * - With one beside the database of the handlers, nothing is done again unless a process dies, or stops for longer than
 *   a claim lasts, between an effect and its mark. So nobody dies here.
 * - With one in that database, effect and mark are one, and everything may break.
 */
const KINDS: readonly Kind[] = [
  { name: 'all faults', long: false, faults: EVERYTHING },
  {
    name: 'dead letters apart',
    long: true,
    deadLetterStore: true,
    faults: [...KILLS, 'crash after dead letter', 'crash after dead letter', 'broker killed'],
  },
  {
    name: 'outages with an inbox in Redis',
    long: true,
    inbox: 'redis',
    promises: { once: true },
    faults: OUTAGES,
  },
  {
    name: 'all faults with an inbox in PostgreSQL',
    long: false,
    inbox: 'postgres',
    // Each effect is a transaction of its own.
    perSecond: 100,
    share: 0.4,
    promises: { once: true },
    faults: EVERYTHING,
  },
];

/** Only where the backend keeps the order of a key. */
const KEYED: readonly Kind[] = [
  {
    name: 'kills and outages with keys',
    long: false,
    keyed: true,
    perSecond: 150,
    share: 0.6,
    promises: { once: false, ordered: 'alone' },
    faults: [...KILLS, 'broker killed', 'producer half-open', 'writes refused'],
  },
  {
    name: 'all faults with keys',
    long: true,
    keyed: true,
    perSecond: 150,
    share: 0.6,
    // A process that is stopped or cut off for longer than its lease works on until it learns that it was replaced.
    promises: { once: false, ordered: 'in-order' },
    faults: EVERYTHING,
  },
];

/** The storms of a backend: those of every test run, and those that only the fault run has the time for. */
export function plansOf(backend: DurableBackend, { all, events }: Effort): StormPlan[] {
  const { server } = backend;
  const kinds = backend.ordering ? [...KINDS, ...KEYED] : KINDS;
  return (
    kinds
      .filter(({ long }) => all || !long)
      // These stores are in the Redis of the events.
      .filter(({ inbox, deadLetterStore }) => server.isRedis || (inbox !== 'redis' && !deadLetterStore))
      // An inbox of PostgreSQL is the same for all: two backends are enough for every test run.
      .filter(({ inbox }) => server.isRedis || all || inbox === undefined)
      .map(({ share = 1, faults, ...each }) => ({
        kind: backend.kind,
        faults: faults.filter((fault) => canHappen(fault, backend, each)),
        events: Math.ceil(events * share),
        rounds: all ? 2 : 1,
        perSecond: 300,
        consumers: 2,
        leaseMs: backend.leastLeaseMs ?? 1500,
        keyed: false,
        deadLetterStore: backend.deadLettersApart === true,
        promises: { once: false },
        ...each,
      }))
  );
}

function canHappen(fault: FaultName, backend: DurableBackend, plan: Partial<StormPlan>): boolean {
  if (backend.server.isFile && AWAY.includes(fault)) return false;
  if (fault === 'inbox killed') return plan.inbox === 'postgres';
  if (fault === 'writes refused') return backend.server.refuseWrites !== undefined;
  if (fault === 'crash after dead letter')
    return plan.deadLetterStore === true || !backend.buriesAndAcknowledges;
  return true;
}
