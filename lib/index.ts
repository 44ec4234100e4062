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
export { defineEvent, type DefineEventOptions, type EventDefinition } from './schema/define-event.js';
export { eventDataAs } from './schema/event-data-as.js';

export {
  type EventListenable,
  ON_EVENT_METADATA,
  OnEvent,
  type OnEventDecorator,
  type OnEventMetadata,
  type OnEventOptions,
} from './handlers/on-event.decorator.js';
export { isEventContext } from './handlers/enhancers.js';
export type { EventHandler, HandlerContext } from './handlers/handler.js';
export type { HandlerOptions } from './handlers/handler-factory.js';
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
  type EventBackend,
  type EventDispatcher,
  HANDLED,
  HANDLED_NOW,
  type HandlerRetry,
  type PublishEntry,
  type PublishOptions,
} from './backends/backend.js';
export { MemoryBackend } from './backends/memory/memory-backend.js';
export type { MemoryBackendOptions } from './backends/memory/memory-options.js';
export {
  ALL_HANDLERS,
  type DeadLetter,
  type DeadLetterFilter,
  deadLetterId,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterStatus,
  type DeadLetterStore,
  type HandlerAttempt,
  type SerializedError,
} from './dead-letters/dead-letter.js';
export type {
  DeadLetterActionResult,
  DeadLetterQueue,
  DeadLetterSelection,
} from './dead-letters/dead-letter-queue.js';
export { MemoryDeadLetterStore } from './dead-letters/memory-dead-letter-store.js';
export { decodeEvent, encodeEvent, reviveEvent } from './wire/cloud-events.js';

export {
  EventBusClosedError,
  EventBusNotReadyError,
  EventConfigurationError,
  EventError,
  type EventErrorCode,
  EventHandlerError,
  EventPublishError,
  EventSerializationError,
  EventTimeoutError,
  EventValidationError,
  type EventValidationIssue,
  QueueFullError,
  RetryAfterError,
  UnrecoverableError,
} from './errors.js';
