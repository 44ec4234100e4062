import type { PublishOptions } from '../backends/backend.js';
import { causeOf } from '../dispatch/correlation.js';
import { EventConfigurationError } from '../errors.js';
import { Event, type EventExtras } from '../event.js';
import type { EventKey } from '../event-types.js';
import { isEventDefinition, type EventDefinition } from '../schema/define-event.js';
import type { EmitOptions } from './emit-options.js';

/** The name behind a key: the string itself, a definition's name, a class's static `type` or own name. */
export function nameOf(key: EventKey): string {
  if (typeof key === 'string') return key;
  if (isEventDefinition(key)) return key.name;
  if (typeof key === 'function') return typeof key.type === 'string' ? key.type : key.name;
  return key as never; // whatever it is, the registry refuses it with an error that shows it
}

/** Puts envelopes around payloads. */
export class Envelopes {
  constructor(
    private readonly source: string,
    private readonly correlate: boolean,
  ) {}

  /**
   * @param emittedAs The name that the caller gave: an event of a former name is made under the present one.
   * @throws {EventConfigurationError} naming the option that cannot be used.
   */
  make(
    emittedAs: string,
    data: unknown,
    definition: EventDefinition | undefined,
    options: EmitOptions | undefined,
    inlinedBy?: string,
  ): Event {
    const cause = this.correlate ? causeOf() : undefined;
    const name = definition === undefined ? emittedAs : definition.name;
    const version = definition === undefined ? 1 : definition.version;
    if (options === undefined && cause === undefined && inlinedBy === undefined) {
      return new Event(name, data, Date.now(), this.source, version);
    }
    if (options !== undefined) assertOptions(name, options);
    const extras: EventExtras = {
      id: options?.id,
      key: options?.key,
      correlationId: options?.correlationId ?? cause?.correlationId,
      causationId: options?.causationId ?? cause?.id,
      metadata: options?.metadata ?? cause?.metadata,
      inlinedBy,
    };
    return new Event(
      name,
      data,
      Date.now(),
      options?.source ?? this.source,
      options?.version ?? version,
      extras,
    );
  }
}

const TEXT_OPTIONS = ['id', 'key', 'correlationId', 'causationId', 'source'] as const;

function assertOptions(name: string, options: EmitOptions): void {
  for (const option of TEXT_OPTIONS) {
    const value = options[option];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw refused(name, option, value, 'a non-empty string');
    }
  }
  const { delayMs, at, version, signal } = options;
  if (delayMs !== undefined && !(Number.isFinite(delayMs) && delayMs >= 0)) {
    throw refused(name, 'delayMs', delayMs, 'a number of milliseconds from 0');
  }
  if (at !== undefined && !(at instanceof Date && !Number.isNaN(at.getTime()))) {
    throw refused(name, 'at', at, 'a valid Date');
  }
  if (at !== undefined && delayMs !== undefined) {
    throw new EventConfigurationError(
      `Event '${name}' was emitted with both 'at' and 'delayMs'. Give one of them.`,
    );
  }
  if (version !== undefined && !(Number.isInteger(version) && version >= 1)) {
    throw refused(name, 'version', version, 'a whole number from 1');
  }
  signal?.throwIfAborted();
}

function refused(name: string, option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `Event '${name}' was emitted with the option ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}

/** What the backend is to be told beside the event; `undefined` when there is nothing, as for most events. */
export function publishOptionsOf(options: EmitOptions | undefined): PublishOptions | undefined {
  if (options === undefined) return undefined;
  const delayMs = delayOf(options);
  const { id, transaction } = options;
  if (delayMs === undefined && id === undefined && transaction === undefined) return undefined;
  return {
    ...(delayMs !== undefined && { delayMs }),
    ...(id !== undefined && { deduplicate: true }),
    ...(transaction !== undefined && { transaction }),
  };
}

/** How long to hold an event back; `undefined` when it is due now. */
function delayOf(options: EmitOptions): number | undefined {
  const delayMs = options.at === undefined ? options.delayMs : options.at.getTime() - Date.now();
  return delayMs !== undefined && delayMs > 0 ? delayMs : undefined;
}
