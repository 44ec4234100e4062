export { RecordingBackend } from './testing/recording-backend.js';
export { NoopBackend } from './testing/noop-backend.js';
export { settled, type SettledOptions } from './testing/settled.js';
export { describeBackend, type ConformanceSummary } from './testing/conformance/describe-backend.js';
export { runConformanceProcess } from './testing/conformance/process/run-process.js';
export type {
  BackendFactory,
  BackendFactoryContext,
  BorrowingBackend,
  CallerTransaction,
  ConformanceCapabilities,
  ConformanceOptions,
  ConformanceRunner,
  SkippedCase,
} from './testing/conformance/options.js';
export { describeEventStore } from './testing/event-store/describe-event-store.js';
export type {
  EventStoreConformanceOptions,
  EventStoreFactory,
  EventStoreFactoryContext,
} from './testing/event-store/options.js';
export { DecidedAggregate, given, GivenAggregate } from './testing/given-when-then.js';
export type { ErrorClass } from './testing/outcome.js';
