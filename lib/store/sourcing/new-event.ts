import { causeOf } from '../../dispatch/correlation.js';
import { EventConfigurationError } from '../../errors.js';
import { DEFAULT_SOURCE, Event, type EventMetadata } from '../../event.js';
import type { EventDefinition } from '../../schema/define-event.js';
import { validateData } from '../../schema/validate.js';

/** Parts of the envelope that a command may set; everything has a default. */
export interface NewEventOptions {
  /** Instead of a generated one. An event whose id the store has already is not stored again. */
  readonly id?: string;
  /** Events of one key are handled in order by backends that can. Default: the id of the stream. */
  readonly key?: string;
  /** Default: that of the event being handled, else the new event's own id. */
  readonly correlationId?: string;
  /** Default: the id of the event being handled. */
  readonly causationId?: string;
  /** Default: that of the event being handled. */
  readonly metadata?: EventMetadata;
}

/** An event that a command decided on. */
export type NewEvent<N extends string = string, T = unknown> = {
  readonly type: N;
  readonly options?: NewEventOptions;
} & (undefined extends T ? { readonly data?: T } : { readonly data: T });

/**
 * Puts an envelope around it.
 *
 * @param key The key of an event that says none.
 * @throws {EventValidationError} when the data does not fit the definition's schema.
 */
export function eventFrom(
  { type, data, options = {} }: NewEvent,
  key: string,
  definition: EventDefinition | undefined,
): Event {
  const cause = causeOf();
  const extras = {
    id: options.id,
    key: options.key ?? key,
    correlationId: options.correlationId ?? cause?.correlationId,
    causationId: options.causationId ?? cause?.id,
    metadata: options.metadata ?? cause?.metadata,
  };
  const checked = definition?.schema === undefined ? data : checkedData(definition, data);
  return new Event(type, checked, Date.now(), DEFAULT_SOURCE, definition?.version ?? 1, extras);
}

function checkedData({ name, schema }: EventDefinition, data: unknown): unknown {
  const checked = validateData(name, schema!, data);
  if (!(checked instanceof Promise)) return checked;
  checked.catch(() => undefined); // nobody waits for it
  throw new EventConfigurationError(
    `The schema of event '${name}' is asynchronous; an aggregate needs one that validates synchronously.`,
  );
}
