import { EventConfigurationError, UnrecoverableError } from '../errors.js';
import type { Event } from '../event.js';
import { isThenable } from '../emit/inline.js';
import type { EventDefinition, VersionSteps } from './define-event.js';

/**
 * The data of an event in its definition's version, one version at a time. Newer data stays as it is.
 *
 * @throws {UnrecoverableError} when an upcaster throws, or is asynchronous.
 */
export function upcastData(event: Event, { name, version, upcast }: EventDefinition): unknown {
  let data = event.data;
  for (let from = event.version; from < version; from++) {
    // Without upcasters every version is taken to be compatible.
    if (upcast[from] !== undefined) data = runStep('upcaster', name, upcast, from, data);
  }
  return data;
}

/**
 * The event as earlier consumers know it.
 *
 * @param to The version to go down to; an event of that version or below is returned as it is.
 * @throws {EventConfigurationError} when a downcaster is missing.
 * @throws {UnrecoverableError} when a downcaster throws, or is asynchronous.
 */
export function downcastEvent(event: Event, { name, downcast }: EventDefinition, to: number): Event {
  if (event.version <= to) return event;
  let data = event.data;
  for (let from = event.version; from > to; from--) {
    if (downcast[from] === undefined) {
      throw new EventConfigurationError(
        `Event '${name}' cannot go from version ${event.version} down to ${to}: 'downcast' has no function for version ${from}. Add ${from}: (data) => …`,
      );
    }
    data = runStep('downcaster', name, downcast, from, data);
  }
  return event.with(data, to);
}

function runStep(what: string, name: string, steps: VersionSteps, from: number, data: unknown): unknown {
  let result: unknown;
  try {
    result = steps[from]!(data as never);
  } catch (cause) {
    throw new UnrecoverableError(
      `The ${what} of event '${name}' from version ${from} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (!isThenable(result)) return result;
  // Nobody will wait for it, so nobody would see it fail either.
  Promise.resolve(result).catch(() => undefined);
  throw new UnrecoverableError(
    `The ${what} of event '${name}' from version ${from} returned a promise. It has to be synchronous.`,
  );
}
