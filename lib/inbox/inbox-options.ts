import type { EventBackend } from '../backends/backend.js';
import { EventConfigurationError } from '../errors.js';
import type { InboxStore } from './inbox-store.js';

/** An inbox with other than the default times. */
export interface InboxOptions {
  /** Where keys are kept. */
  readonly store: InboxStore;
  /**
   * How long a handled event is remembered, in milliseconds: at least as long as the backend may deliver it again.
   * Default 7 days.
   */
  readonly retentionMs?: number;
  /**
   * How long the claim of a process that fell silent keeps others from its event, in milliseconds, 100 or more. It is
   * renewed while a handler runs. Default 30,000.
   */
  readonly leaseMs?: number;
}

/** Options with every field present. */
export type ResolvedInbox = Required<InboxOptions>;

const WEEK_MS = 7 * 24 * 3600 * 1000;
const METHODS = ['claim', 'complete', 'release', 'renew'] as const;
const FIELDS: ReadonlySet<string> = new Set(
  Object.keys({ store: true, retentionMs: true, leaseMs: true } satisfies Record<keyof InboxOptions, true>),
);

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} naming the option that cannot be used, or the backend that delivers an event again
 *   after the inbox has forgotten it.
 */
export function resolveInbox(
  given: InboxStore | InboxOptions | undefined,
  backend: EventBackend,
): ResolvedInbox | undefined {
  if (given === undefined) return undefined;
  const { store, retentionMs = WEEK_MS, leaseMs = 30_000 } = optionsOf(given);
  for (const method of METHODS) {
    if (typeof (store as Partial<InboxStore> | undefined)?.[method] === 'function') continue;
    throw new EventConfigurationError(
      `The inbox given to EventsModule has no ${method}() method. Give it a store such as new MemoryInbox(), or { store }.`,
    );
  }
  assertWholeNumber('leaseMs', leaseMs, 100);
  assertWholeNumber('retentionMs', retentionMs, 1);
  if (retentionMs < leaseMs) {
    throw new EventConfigurationError(
      `EventsModule was given inbox.retentionMs = ${retentionMs}, but it must not be less than inbox.leaseMs = ${leaseMs}.`,
    );
  }
  const horizonMs = backend.capabilities?.redeliveryHorizonMs ?? 0;
  if (retentionMs < horizonMs) {
    throw new EventConfigurationError(
      `EventsModule was given inbox.retentionMs = ${retentionMs}, but the backend '${backend.name}' may deliver an event again for ${horizonMs} ms (its redeliveryHorizonMs). Set inbox.retentionMs to at least that, or the inbox forgets an event before its last delivery.`,
    );
  }
  return { store, retentionMs, leaseMs };
}

function optionsOf(given: InboxStore | InboxOptions): InboxOptions {
  if (given === null || typeof given !== 'object') {
    throw new EventConfigurationError(
      `EventsModule was given inbox = ${String(given)}, but it must be a store or { store, retentionMs, leaseMs }.`,
    );
  }
  if ('claim' in given) return { store: given };
  for (const field of Object.keys(given)) {
    if (FIELDS.has(field)) continue;
    throw new EventConfigurationError(
      `EventsModule was given the option 'inbox.${field}', which it does not know. It knows ${[...FIELDS].join(', ')}.`,
    );
  }
  return given;
}

function assertWholeNumber(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new EventConfigurationError(
    `EventsModule was given inbox.${option} = ${String(value)}, but it must be a whole number from ${least}.`,
  );
}
