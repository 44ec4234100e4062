import { createDeadLetter, createEvent, type DeadLetter, type RawMessage } from 'nestjs-durable-events';

/** What matters of a dead letter in a test; the rest is made up. */
export interface Sample {
  /** Of the event. */
  id: string;
  /** When it failed, in Unix milliseconds. */
  at?: number;
  type?: string;
  handlerId?: string;
  data?: unknown;
  message?: string;
  name?: string;
  raw?: RawMessage;
}

/** A dead letter as it enters a store. Its id is that of the event, a colon, and the handler. */
export function letter(sample: Sample): DeadLetter {
  const {
    id,
    at = 0,
    type = 'x',
    handlerId = 'h',
    data = null,
    message = 'no',
    name = 'Error',
    raw,
  } = sample;
  const attempt = { at, durationMs: 1, host: 'here', error: { name, message, stack: `${name}: ${message}` } };
  const event = createEvent(type, data, { id });
  return { ...createDeadLetter(event, handlerId, [attempt], { raw }), failedAt: new Date(at) };
}
