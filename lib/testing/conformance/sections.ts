import { envelopeCases } from './cases/a-delivery/envelope.js';
import { handlerCases } from './cases/a-delivery/handlers.js';
import { publishingCases } from './cases/a-delivery/publishing.js';
import { serviceCases } from './cases/a-delivery/services.js';
import { transactionCases } from './cases/a-delivery/transactions.js';
import { crashCases } from './cases/b-isolation/crashes.js';
import { isolationCases } from './cases/b-isolation/handlers.js';
import { retryCases } from './cases/b-isolation/retry.js';
import { leaseCases } from './cases/c-leases/leases.js';
import { keyFailureCases } from './cases/d-order/failures.js';
import { orderCases } from './cases/d-order/order.js';
import { delayCases } from './cases/e-time/delays.js';
import { publishedTwiceCases } from './cases/e-time/duplicates.js';
import { deliveredTwiceCases } from './cases/e-time/inbox.js';
import { entryCases } from './cases/f-dead-letters/entries.js';
import { keepingCases } from './cases/f-dead-letters/keeping.js';
import { retryingCases } from './cases/f-dead-letters/retrying.js';
import { deadlineCases } from './cases/h-lifecycle/deadline.js';
import { faultCases } from './cases/h-lifecycle/faults.js';
import { resourceCases } from './cases/h-lifecycle/resources.js';
import { shutdownCases } from './cases/h-lifecycle/shutdown.js';
import { declarationCases } from './declarations.js';
import type { ConformanceCase } from './rig.js';

/** All cases, in the order in which they run. The letter G is kept for what is built upon backends. */
export const SECTIONS: readonly (readonly [title: string, cases: readonly ConformanceCase[]])[] = [
  ['what it says of itself', declarationCases],
  ['A. delivery: envelopes', envelopeCases],
  ['A. delivery: handlers', handlerCases],
  ['A. delivery: publishing', publishingCases],
  ['A. delivery: several instances and services', serviceCases],
  ['A. delivery: transactions of the caller', transactionCases],
  ['B. isolation of handlers', isolationCases],
  ['B. retries', retryCases],
  ['B. crashes and restarts', crashCases],
  ['C. leases', leaseCases],
  ['D. order and concurrency', orderCases],
  ['D. order after a failure', keyFailureCases],
  ['E. delays', delayCases],
  ['E. events published twice', publishedTwiceCases],
  ['E. events delivered twice', deliveredTwiceCases],
  ['F. dead letters: entries', entryCases],
  ['F. dead letters: retries', retryingCases],
  ['F. dead letters: nothing lost', keepingCases],
  ['H. shutdown', shutdownCases],
  ['H. shutdown at its deadline', deadlineCases],
  ['H. what is left', resourceCases],
  ['H. faults of the broker', faultCases],
];
