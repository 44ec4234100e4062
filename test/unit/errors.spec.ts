import { expect, it } from '@jest/globals';
import * as everything from 'nestjs-durable-events';

const codes = {
  EventHandlerError: 'EVENT_HANDLER',
  EventSerializationError: 'EVENT_SERIALIZATION',
  QueueFullError: 'EVENT_QUEUE_FULL',
  EventBusNotReadyError: 'EVENT_BUS_NOT_READY',
  EventBusClosedError: 'EVENT_BUS_CLOSED',
  EventTimeoutError: 'EVENT_TIMEOUT',
  EventTooLargeError: 'EVENT_TOO_LARGE',
  EventPublishError: 'EVENT_PUBLISH',
  EventConfigurationError: 'EVENT_CONFIGURATION',
  UnrecoverableError: 'EVENT_UNRECOVERABLE',
  InboxClaimLostError: 'EVENT_INBOX_CLAIM_LOST',
  ReplayConflictError: 'EVENT_REPLAY_CONFLICT',
} as const;

it.each(Object.entries(codes))('%s has its name and its code', (name, code) => {
  const ErrorClass = everything[name as keyof typeof codes];
  const cause = new Error('cause');
  const error = new ErrorClass('What happened.', { cause });
  expect(error).toBeInstanceOf(everything.EventError);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name, code, message: 'What happened.', cause });
});

it('EventValidationError lists every bad field', () => {
  const issues = [
    { path: 'email', message: 'is no address' },
    { path: '', message: 'is odd' },
  ];
  const error = new everything.EventValidationError('after:signup', issues);
  expect(error).toMatchObject({ code: 'EVENT_VALIDATION', eventType: 'after:signup', issues });
  expect(error.message).toBe(
    "The data of event 'after:signup' does not match its schema. email: is no address; is odd",
  );
});

it('RetryAfterError has its delay', () => {
  expect(new everything.RetryAfterError(5)).toMatchObject({
    code: 'EVENT_RETRY_AFTER',
    delayMs: 5,
    message: 'The handler asks to be retried after 5 ms.',
  });
});

it('CircuitBreakerError has the state of the circuit', () => {
  const cause = new Error('cause');
  expect(new everything.CircuitBreakerError('open', 'What happened.', { cause })).toMatchObject({
    code: 'EVENT_CIRCUIT_BREAKER',
    state: 'open',
    message: 'What happened.',
    cause,
  });
});

it('StreamConflictError has the stream and both versions', () => {
  expect(new everything.StreamConflictError('order-1', 2, 3)).toMatchObject({
    code: 'EVENT_STREAM_CONFLICT',
    streamId: 'order-1',
    expected: 2,
    actual: 3,
    message: "Stream 'order-1' is at version 3, but the append expected 2.",
  });
});

it('CheckpointLostError has the name of the checkpoint', () => {
  expect(new everything.CheckpointLostError('read-model')).toMatchObject({
    code: 'EVENT_CHECKPOINT_LOST',
    checkpoint: 'read-model',
    message: "The checkpoint 'read-model' has been taken over by another process.",
  });
});

it('every error class of the package is tested here', () => {
  const classes = Object.entries(everything)
    .filter(([, value]) => typeof value === 'function' && value.prototype instanceof everything.EventError)
    .map(([name]) => name);
  const others = ['CheckpointLostError', 'CircuitBreakerError', 'EventValidationError', 'RetryAfterError'];
  const tested = [...Object.keys(codes), ...others, 'StreamConflictError'];
  expect(classes.sort()).toEqual(tested.sort());
});
