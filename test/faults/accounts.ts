import { ALL_HANDLERS, type DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import type { Ledger } from './ledger.js';
import { HANDLERS } from './programs/settings.js';
import type { RedisState } from './redis-state.js';

/** An event that a handler has neither handled nor given up. */
export interface Missing {
  readonly eventId: string;
  readonly handlerId: string;
}

/** What is missing of the events whose publish was confirmed: nothing, if none was lost. */
export function missing(ledger: Ledger, deadLetters: readonly DeadLetter[]): Missing[] {
  const dead = new Set(deadLetters.map(({ event, handlerId }) => `${event.id} ${handlerId}`));
  const confirmed = [...ledger.of('confirmed').keys()];
  return HANDLERS.flatMap((handlerId) =>
    confirmed
      .filter((eventId) => !ledger.of(handlerId).has(eventId))
      .filter((eventId) => !dead.has(`${eventId} ${handlerId}`) && !dead.has(`${eventId} ${ALL_HANDLERS}`))
      .map((eventId) => ({ eventId, handlerId })),
  );
}

/** How often each handler was called again for an event that it had handled. */
export function duplicates(ledger: Ledger): Record<string, number> {
  return Object.fromEntries(
    HANDLERS.map((handlerId) => [handlerId, ledger.lines(handlerId) - ledger.of(handlerId).size]),
  );
}

const SHOWN = 20;

/** The ids, and where Redis has them. */
export async function describeMissing(lost: readonly Missing[], redis: RedisState): Promise<string> {
  const lines = lost.slice(0, SHOWN).map(async ({ eventId, handlerId }) => {
    return `  ${eventId} was not handled by '${handlerId}': ${await redis.whereabouts(eventId)}`;
  });
  return [`${lost.length} are missing, the first of them:`, ...(await Promise.all(lines))].join('\n');
}
