import { Logger } from '@nestjs/common';
import { checkTimeout, checkWhole, refusedOption } from '../clients/options.js';
import { toError } from '../dispatch/failure.js';
import type { EventCriteria } from './criteria.js';
import type { StoredEvent } from './stored-event.js';
import type { SubscribeOptions, SubscriptionHandler } from './subscription-options.js';

const USER = 'store.subscribe()';
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30_000;

/** Options with everything decided. */
export interface ResolvedSubscription {
  readonly criteria: EventCriteria;
  readonly handler: SubscriptionHandler;
  readonly name: string | undefined;
  readonly from: string;
  readonly batchSize: number;
  readonly pollMs: number;
  readonly leaseMs: number;
  readonly transaction: boolean;
  readonly asStored: boolean;
  readonly prepare: SubscribeOptions['prepare'];
  readonly onError: NonNullable<SubscribeOptions['onError']>;
}

/** Milliseconds until the try after this one. */
export function pauseAfter(attempt: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
}

/** @throws {EventConfigurationError} naming the option that cannot be used. */
export function resolveSubscription(
  store: { readonly name: string; readonly transaction?: unknown },
  criteria: EventCriteria,
  handler: SubscriptionHandler,
  { name, from = 'start', batchSize, pollMs, leaseMs, prepare, onError, ...switches }: SubscribeOptions,
): ResolvedSubscription {
  const { transaction = false, asStored = false } = switches;
  if (typeof handler !== 'function') throw refusedOption('handler', handler, USER, 'a function');
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw refusedOption('name', name, USER, 'a non-empty string');
  }
  if (typeof from !== 'string' || from === '') {
    throw refusedOption('from', from, USER, `'start', 'end' or a position`);
  }
  if (transaction && store.transaction === undefined) {
    throw refusedOption('transaction', true, USER, `false: the store '${store.name}' has no transactions`);
  }
  if (transaction && name === undefined) {
    throw refusedOption('name', name, USER, `a name: 'transaction' saves its checkpoint with the effect`);
  }
  return {
    criteria,
    handler,
    name,
    from,
    batchSize: checkWhole('batchSize', batchSize ?? 100, USER),
    pollMs: checkTimeout('pollMs', pollMs ?? 1000, USER),
    leaseMs: checkTimeout('leaseMs', leaseMs ?? 30_000, USER),
    transaction,
    asStored,
    prepare,
    onError: unfailing(onError, logged(name)),
  };
}

/** A listener that throws is told of in the log, and changes nothing. */
function unfailing(
  onError: SubscribeOptions['onError'],
  log: NonNullable<SubscribeOptions['onError']>,
): NonNullable<SubscribeOptions['onError']> {
  if (onError === undefined) return log;
  return (error, event, attempt) => {
    try {
      return onError(error, event, attempt);
    } catch (thrown) {
      log(error, event, attempt);
      log(toError(thrown), event, attempt);
      return undefined;
    }
  };
}

function logged(name: string | undefined): NonNullable<SubscribeOptions['onError']> {
  const logger = new Logger(name === undefined ? 'EventSubscription' : `EventSubscription(${name})`);
  return (error: Error, event: StoredEvent | undefined, attempt: number): void => {
    const subject = event === undefined ? 'The store' : `Event '${event.type}' (${event.id})`;
    logger.error(`${subject}, attempt ${attempt}: ${error.message}`, error.stack);
  };
}
