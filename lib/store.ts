export {
  type AppendOptions,
  type AppendResult,
  EventStore,
  type ExpectedVersion,
} from './store/event-store.js';
export type { EventCriteria, LoadOptions } from './store/criteria.js';
export { EventQuery, type QueriedStore } from './store/event-query.js';
export { type Publication, StoredEvent, type StoredFacts } from './store/stored-event.js';
export type {
  Checkpoint,
  CheckpointLease,
  CheckpointStore,
  NamedCheckpoint,
} from './store/checkpoint-store.js';
export type { Snapshot, SnapshotStore } from './store/snapshot-store.js';
export type {
  EventSubscription,
  SubscribeOptions,
  SubscriptionContext,
  SubscriptionHandler,
} from './store/subscription-options.js';
export type { RecordingOptions } from './store/recording/recording-options.js';
export { ReplayEngine } from './store/replay/replay-engine.js';
export type { Replay } from './store/replay/replay.js';
export type { ReplayRun } from './store/replay/replay-run.js';
export type {
  ReplayHandlerCounts,
  ReplayProgress,
  ReplayResult,
  ReplayState,
} from './store/replay/replay-progress.js';
export { MemoryEventStore } from './store/memory/memory-event-store.js';
export { Aggregate, type AggregateClass } from './store/sourcing/aggregate.js';
export {
  type AggregateDefinition,
  type AggregateOptions,
  type AnyAggregateDefinition,
  defineAggregate,
  type NewEventsOf,
  type Reducers,
  type StateOf,
} from './store/sourcing/aggregate-definition.js';
export {
  AggregateRepository,
  type AggregateRepositoryOptions,
  type Decision,
  type HandleOptions,
  type SaveOptions,
} from './store/sourcing/aggregate-repository.js';
export type { EventNamed, KnownName, NewEventNamed, NewEventOf } from './store/sourcing/event-names.js';
export type { NewEvent, NewEventOptions } from './store/sourcing/new-event.js';
export {
  defineProjection,
  type DefineProjectionOptions,
  type Projection,
  type ProjectionHandlers,
  type ProjectionResetContext,
} from './store/sourcing/projection.js';
export {
  type ProjectionFailure,
  ProjectionRunner,
  type ProjectionRunnerOptions,
  type ProjectionStatus,
} from './store/sourcing/projection-runner.js';
export { ProjectionsModule, type ProjectionsModuleOptions } from './store/sourcing/projections.module.js';
