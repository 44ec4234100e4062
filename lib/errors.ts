/** Stable, machine-readable codes carried by every error of this package. */
export type EventErrorCode =
  | 'EVENT_HANDLER'
  | 'EVENT_VALIDATION'
  | 'EVENT_SERIALIZATION'
  | 'EVENT_TOO_LARGE'
  | 'EVENT_QUEUE_FULL'
  | 'EVENT_BUS_NOT_READY'
  | 'EVENT_BUS_CLOSED'
  | 'EVENT_TIMEOUT'
  | 'EVENT_PUBLISH'
  | 'EVENT_CONFIGURATION'
  | 'EVENT_UNRECOVERABLE'
  | 'EVENT_RETRY_AFTER'
  | 'EVENT_INBOX_CLAIM_LOST'
  | 'EVENT_CIRCUIT_BREAKER'
  | 'EVENT_STREAM_CONFLICT'
  | 'EVENT_CHECKPOINT_LOST'
  | 'EVENT_REPLAY_CONFLICT';

/** Base class of every error this package throws. `code` never changes between releases; messages may. */
export abstract class EventError extends Error {
  /** What went wrong, for `switch` statements and log filters. */
  abstract readonly code: EventErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A handler failed with something that is not an `Error`, or could not be constructed; `cause` has the original. */
export class EventHandlerError extends EventError {
  readonly code = 'EVENT_HANDLER';
}

/** One thing a schema found wrong with the data of an event. */
export interface EventValidationIssue {
  /** Where, as a dotted path such as `customer.email`; empty for the data as a whole. */
  readonly path: string;
  /** What is wrong, in the schema library's own words. */
  readonly message: string;
}

/** The data does not fit the event's schema. Thrown by `emit*` before anything is published. */
export class EventValidationError extends EventError {
  readonly code = 'EVENT_VALIDATION';

  constructor(
    /** Name of the event whose data was refused. */
    readonly eventType: string,
    /** Every bad field, in the order the schema reported them. */
    readonly issues: readonly EventValidationIssue[],
  ) {
    const list = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    super(`The data of event '${eventType}' does not match its schema. ${list}`);
  }
}

/** The event cannot be turned into its wire form, or bytes read from a broker are not an event. */
export class EventSerializationError extends EventError {
  readonly code = 'EVENT_SERIALIZATION';
}

/** In its wire form the event is larger than its backend takes. The message names the size, the limit and the option. */
export class EventTooLargeError extends EventError {
  readonly code = 'EVENT_TOO_LARGE';
}

/** The memory queue had no room. Unless `overflow` is 'reject', the event is in the dead letters. */
export class QueueFullError extends EventError {
  readonly code = 'EVENT_QUEUE_FULL';
}

/** The bus was used before its handlers were registered: in a constructor, or before `app.init()`. */
export class EventBusNotReadyError extends EventError {
  readonly code = 'EVENT_BUS_NOT_READY';
}

/** The bus was used after it closed. */
export class EventBusClosedError extends EventError {
  readonly code = 'EVENT_BUS_CLOSED';
}

/** A handler, `idle()` or a backend took longer than it was allowed to. */
export class EventTimeoutError extends EventError {
  readonly code = 'EVENT_TIMEOUT';
}

/** The backend did not confirm the event, so it may or may not be stored; `cause` says why. */
export class EventPublishError extends EventError {
  readonly code = 'EVENT_PUBLISH';
}

/** An option, a handler or a backend is set up in a way that cannot work. The message names the fix. */
export class EventConfigurationError extends EventError {
  readonly code = 'EVENT_CONFIGURATION';
}

/** Throw it from a handler to skip the remaining retries: the event goes to the dead letters at once. */
export class UnrecoverableError extends EventError {
  readonly code = 'EVENT_UNRECOVERABLE';
}

/** Throw it from a handler to be retried after exactly `delayMs` instead of the policy's backoff. */
export class RetryAfterError extends EventError {
  readonly code = 'EVENT_RETRY_AFTER';

  constructor(
    /** Milliseconds until the next attempt, 0 or more. */
    readonly delayMs: number,
    message = `The handler asks to be retried after ${delayMs} ms.`,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    if (!Number.isFinite(delayMs) || delayMs < 0) {
      throw new EventConfigurationError(
        `RetryAfterError needs a delay of 0 or more milliseconds, but got ${String(delayMs)}.`,
      );
    }
  }
}

/**
 * The inbox gave this event to another process while the handler ran, which took longer than its claim held without
 * being renewed. What it wrote with `context.transaction` is rolled back; the event is handled over there.
 */
export class InboxClaimLostError extends EventError {
  readonly code = 'EVENT_INBOX_CLAIM_LOST';
}

/** Only in notices: the circuit of a handler opened, because of `cause`, or closed again. */
export class CircuitBreakerError extends EventError {
  readonly code = 'EVENT_CIRCUIT_BREAKER';

  constructor(
    /** Whether the handler's events wait (`open`) or are handled again. */
    readonly state: 'open' | 'closed',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * A stream of events is not at the version that an append expected: somebody else appended meanwhile. Load it again,
 * decide again, append again.
 */
export class StreamConflictError extends EventError {
  readonly code = 'EVENT_STREAM_CONFLICT';

  constructor(
    readonly streamId: string,
    /** The version, or condition, that was asked for. */
    readonly expected: number | string,
    /** The version the stream has: its number of events. */
    readonly actual: number,
  ) {
    super(`Stream '${streamId}' is at version ${actual}, but the append expected ${expected}.`);
  }
}

/** Another process has a checkpoint that this one had: what it was about to save is not saved. */
export class CheckpointLostError extends EventError {
  readonly code = 'EVENT_CHECKPOINT_LOST';

  constructor(
    /** Name of the checkpoint. */
    readonly checkpoint: string,
  ) {
    super(`The checkpoint '${checkpoint}' has been taken over by another process.`);
  }
}

/** A replay of this name is running elsewhere, or has not come to its end and was begun with other criteria. */
export class ReplayConflictError extends EventError {
  readonly code = 'EVENT_REPLAY_CONFLICT';
}
