export { EventsModule } from './events.module.js';
export { EventBus, type EmitBatchEntry, type EventBusHealth, type EventBusStats } from './event-bus.js';
export { createEventBus } from './create-event-bus.js';
export { type EventBusToken, getEventBusToken, InjectEventBus } from './events.tokens.js';
export type {
  EnhancerKind,
  EventsModuleAsyncOptions,
  EventsModuleOptions,
  EventsOptionsFactory,
} from './events-options.js';
export type { BusState } from './bus-lifecycle.js';
export type { ShutdownReport } from './shutdown-report.js';

export {
  createEvent,
  type CreateEventOptions,
  Event,
  type EventExtras,
  type EventJson,
  type EventMetadata,
} from './event.js';
export { uuidv7 } from './event-id.js';
export type {
  DataOf,
  EmitArguments,
  EventClass,
  EventKey,
  EventMap,
  EventName,
  EventOf,
  ValidPattern,
} from './event-types.js';
export {
  defineEvent,
  type DefineEventOptions,
  type EventDefinition,
  type VersionSteps,
} from './schema/define-event.js';
export { eventDataAs } from './schema/event-data-as.js';
export { fields } from './schema/fields/fields.js';
export type {
  Field,
  FieldOptions,
  Fields,
  FieldsInput,
  FieldsOutput,
  FieldsSchema,
  FieldType,
  ScalarType,
} from './schema/fields/field-types.js';
export {
  type AjvIssue,
  type AjvLike,
  type AjvValidator,
  fromJsonSchema,
  type FromJsonSchemaOptions,
  type JsonSchemaAdapter,
} from './schema/adapters/from-json-schema.js';
export {
  type ClassSchema,
  fromClass,
  type FromClassOptions,
  type PlainOf,
} from './schema/adapters/from-class.js';
export type { JsonSchema } from './schema/json-schema.js';
export { type AnyEventDefinition, SchemaRegistry } from './schema/schema-registry.js';
export type { SchemaPolicies, SchemasOption, SchemasOptions } from './schema/schema-options.js';
export type { CompatibilityMode, CompatibilityReport, SchemaChange } from './schema/compatibility.js';
export type { SchemaChangeKind } from './schema/compare/difference.js';
export type {
  Migration,
  MigrationOptions,
  UnresolvedMigration,
} from './schema/migration/generate-migration.js';

export {
  type EventListenable,
  ON_EVENT_METADATA,
  OnEvent,
  type OnEventDecorator,
  type OnEventMetadata,
  type OnEventOptions,
} from './handlers/on-event.decorator.js';
export { isEventContext } from './handlers/enhancers.js';
export type { EventHandler, EventTransaction, HandlerContext, ReplayFacts } from './handlers/handler.js';
export type { HandlerOptions } from './handlers/handler-factory.js';
export type { CircuitBreakerOptions } from './dispatch/circuit-breaker-options.js';
export type { EmitContext, EmitMiddleware, EmitStep, EventMiddleware } from './dispatch/middleware.js';
export type { RetryPolicy } from './dispatch/retry-policy.js';
export type { EmitOptions } from './emit/emit-options.js';
export type { EmitReceipt } from './emit/publisher.js';
export type { ErrorStream, EventErrorNotice } from './error-stream.js';
export type { EventObserver } from './observer.js';

export {
  ACCEPTED,
  type BackendCapabilities,
  type BackendHealth,
  type BackendHost,
  type Delivery,
  type DispatchOutcome,
  type DrainRequest,
  type DrainResult,
  type EventBackend,
  type EventDispatcher,
  HANDLED,
  HANDLED_NOW,
  type HandlerRetry,
  type KeyFailurePolicy,
  type PublishEntry,
  type PublishOptions,
  type PublishReceipt,
} from './backends/backend.js';
export { MemoryBackend } from './backends/memory/memory-backend.js';
export type { MemoryBackendOptions } from './backends/memory/memory-options.js';
export {
  ALL_HANDLERS,
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterFilter,
  type DeadLetterGroup,
  deadLetterId,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterStatus,
  type DeadLetterStore,
  type HandlerAttempt,
  type RawMessage,
  type SerializedError,
  UNREADABLE_EVENT,
} from './dead-letters/dead-letter.js';
export { joinDeadLetters } from './dead-letters/known-entry.js';
export type {
  DeadLetterActionResult,
  DeadLetterPurgeOptions,
  DeadLetterQueue,
} from './dead-letters/dead-letter-queue.js';
export type { DeadLetterSelection } from './dead-letters/selection.js';
export type {
  DeadLetterRetryOptions,
  DeadLetterRetryProgress,
  DeadLetterRetryResult,
} from './dead-letters/retrying.js';
export type {
  RetryFailedOptions,
  RetryFailedProgress,
  RetryFailedResult,
} from './dead-letters/retry-failed.js';
export type { DeadLetterImportResult } from './dead-letters/import-lines.js';
export { createDeadLetter, type DeadLetterFacts } from './dead-letters/create-dead-letter.js';
export { MemoryDeadLetterStore } from './dead-letters/memory-dead-letter-store.js';
export type { InboxOptions } from './inbox/inbox-options.js';
export type { InboxClaim, InboxKey, InboxStore, InboxTransactions } from './inbox/inbox-store.js';
export type { SqlClient } from './sql-client.js';
export { MemoryInbox, type MemoryInboxOptions } from './inbox/memory-inbox.js';
export { decodeEvent, encodeEvent, reviveEvent } from './wire/cloud-events.js';

export {
  CheckpointLostError,
  CircuitBreakerError,
  EventBusClosedError,
  EventBusNotReadyError,
  EventConfigurationError,
  EventError,
  type EventErrorCode,
  EventHandlerError,
  EventPublishError,
  EventSerializationError,
  EventTimeoutError,
  EventTooLargeError,
  EventValidationError,
  type EventValidationIssue,
  InboxClaimLostError,
  QueueFullError,
  ReplayConflictError,
  RetryAfterError,
  StreamConflictError,
  UnrecoverableError,
} from './errors.js';
