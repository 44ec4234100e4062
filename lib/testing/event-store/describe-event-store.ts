import type { SkippedCase } from '../conformance/options.js';
import { runnerOfGlobals } from '../runner-of-globals.js';
import { appendingCases } from './cases/appending.js';
import { checkpointCases } from './cases/checkpoints.js';
import { misuseCases } from './cases/misuse.js';
import { publicationCases } from './cases/publication.js';
import { readingCases } from './cases/reading.js';
import { snapshotCases } from './cases/snapshots.js';
import { streamCases } from './cases/streams.js';
import { subscriptionCases } from './cases/subscriptions.js';
import { transactionCases } from './cases/transactions.js';
import { type EventStoreConformanceOptions, type EventStoreFactory, lacking } from './options.js';
import { type StoreCase, StoreRig } from './rig.js';
import { runAndClose } from '../run-and-close.js';

/** All cases, in the order in which they run. */
const SECTIONS: readonly (readonly [title: string, cases: readonly StoreCase[]])[] = [
  ['appending', appendingCases],
  ['streams', streamCases],
  ['reading', readingCases],
  ['transactions of the caller', transactionCases],
  ['subscriptions', subscriptionCases],
  ['checkpoints', checkpointCases],
  ['snapshots', snapshotCases],
  ['what became of publishing', publicationCases],
  ['misuse', misuseCases],
];

/** A case has several waits in it. */
const WAITS_PER_CASE = 6;

/**
 * Registers the tests that say what a correct event store is. Cases for which something is not given are registered as
 * skipped, with what that is in their name.
 *
 * @param name Stands above the cases.
 * @param factory Makes a store; `namespace` keeps the cases apart in one database.
 * @param options What there is beside the store, and limits.
 * @returns How many cases run, and which do not.
 * @throws {EventConfigurationError} when there is no test runner.
 *
 * @example
 * describeEventStore('MyStore', ({ namespace }) => new MyStore({ url, prefix: namespace }), { shared: true });
 */
export function describeEventStore(
  name: string,
  factory: EventStoreFactory,
  options: EventStoreConformanceOptions = {},
): { readonly cases: number; readonly skipped: readonly SkippedCase[] } {
  const { describe, it } = options.runner ?? runnerOfGlobals('describeEventStore()');
  const timeoutMs = WAITS_PER_CASE * (options.timeoutMs ?? 5000);
  const skipped: SkippedCase[] = [];
  let cases = 0;
  const register = (each: StoreCase) => {
    const reason = lacking(each.needs ?? [], options);
    const test = () => runAndClose(new StoreRig(factory, options), each.run);
    if (reason === '') {
      cases++;
      it(each.name, test, timeoutMs);
    } else {
      skipped.push({ name: each.name, reason });
      it.skip(`${each.name} (${reason})`, test);
    }
  };
  describe(name, () => {
    for (const [section, members] of SECTIONS) describe(section, () => members.forEach(register));
  });
  return { cases, skipped };
}
