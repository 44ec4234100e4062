import { ALL_HANDLERS, type DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import type { BrokerView, Outstanding } from './brokers/broker-view.js';
import type { Ledger } from './ledger.js';
import { HANDLERS, type HandlerId, isRefused } from './programs/settings.js';

/** Everything that is known about what became of the events. */
export interface Accounts {
  readonly ledger: Ledger;
  readonly deadLetters: readonly DeadLetter[];
  readonly outstanding: readonly Outstanding[];
  /** How often each handler had its effect, by event. Default: its lines in the ledger. */
  readonly effects?: Effects;
}

export type Effects = (handlerId: HandlerId) => ReadonlyMap<string, number>;

/** What a run promises beyond that nothing is lost. */
export interface Promises {
  /** No handler has its effect twice for one event. */
  readonly once: boolean;
  /** Events of one key come to each handler in order; `alone` adds that no two of them run at once. */
  readonly ordered?: 'in-order' | 'alone';
}

/** The confirmed events that a handler has neither handled nor given up, and the broker does not hold: none, ever. */
export function losses(accounts: Accounts): Outstanding[] {
  const { ledger, deadLetters, outstanding } = accounts;
  const effects = effectsOf(accounts);
  const accounted = new Set(outstanding.map(keyOf));
  for (const { event, handlerId } of deadLetters) accounted.add(keyOf({ eventId: event.id, handlerId }));
  const confirmed = [...ledger.of('confirmed').keys()];
  return HANDLERS.flatMap((handlerId) => {
    const done = effects(handlerId);
    return confirmed
      .filter((eventId) => !done.has(eventId))
      .map((eventId) => ({ eventId, handlerId }))
      .filter((work) => !accounted.has(keyOf(work)))
      .filter(({ eventId }) => !accounted.has(keyOf({ eventId, handlerId: ALL_HANDLERS })));
  });
}

/**
 * What is wrong at the end of a run, in words; nothing if all is well: published = handled ∪ dead ∪ pending, nothing
 * is pending, dead are those that a handler refuses and no others, and what the run promises.
 */
export async function violations(
  accounts: Accounts,
  promises: Promises,
  broker: Pick<BrokerView, 'whereabouts'>,
): Promise<string[]> {
  const { outstanding } = accounts;
  const lost = losses(accounts);
  return [
    ...(await Promise.all(lost.slice(0, SHOWN).map((work) => describeLoss(work, broker)))),
    ...outstanding.map((work) => `${keyOf(work)} is pending although everything seemed to be settled`),
    ...wrongDeadLetters(accounts),
    ...(promises.once ? repeats(accounts) : []),
    ...(promises.ordered ? disorder(accounts) : []),
    ...(promises.ordered === 'alone' ? overlaps(accounts.ledger) : []),
  ].slice(0, SHOWN);
}

/** How often each handler had its effect again. */
export function duplicates(accounts: Accounts): Record<string, number> {
  return Object.fromEntries(
    HANDLERS.map((handlerId) => {
      const counts = [...effectsOf(accounts)(handlerId).values()];
      return [handlerId, counts.reduce((sum, count) => sum + count - 1, 0)];
    }),
  );
}

const SHOWN = 20;

function effectsOf({ ledger, effects }: Accounts): Effects {
  return (
    effects ?? ((handlerId) => new Map([...ledger.of(handlerId)].map(([id, { length }]) => [id, length])))
  );
}

function keyOf({ eventId, handlerId }: Outstanding): string {
  return `${eventId} of '${handlerId}'`;
}

async function describeLoss(work: Outstanding, broker: Pick<BrokerView, 'whereabouts'>): Promise<string> {
  return `${keyOf(work)} is lost; it is ${await broker.whereabouts(work.eventId)}`;
}

/** `audit` gives up what it refuses, and nobody gives up anything else; nothing is both handled and given up. */
function wrongDeadLetters(accounts: Accounts): string[] {
  const { ledger, deadLetters } = accounts;
  const audited = effectsOf(accounts)('audit');
  const ofConfirmed = deadLetters.filter(({ event }) => ledger.of('confirmed').has(event.id));
  return ofConfirmed
    .filter(({ event, handlerId }) => {
      const refused = handlerId === 'audit' && isRefused(numberOf(ledger, event.id));
      return !refused || audited.has(event.id);
    })
    .map(({ event, handlerId, attempts }) => {
      const reasons = attempts.map(({ error }) => error.message).join(' / ');
      return `${keyOf({ eventId: event.id, handlerId })} is a dead letter: ${reasons}`;
    });
}

function repeats(accounts: Accounts): string[] {
  return HANDLERS.flatMap((handlerId) =>
    [...effectsOf(accounts)(handlerId)]
      .filter(([, count]) => count > 1)
      .map(([eventId, count]) => {
        const by = accounts.ledger.of(handlerId).get(eventId) ?? [];
        const lines = by.map((entry) => `${entry.by} at ${entry.at}`).join(', ');
        return `${keyOf({ eventId, handlerId })} had its effect ${count} times: ${lines}`;
      }),
  );
}

/** Each handler had its first effects in the order in which the events of a key were placed. */
function disorder({ ledger }: Accounts): string[] {
  return HANDLERS.flatMap((handlerId) => {
    const latest = new Map<string, number>();
    const firsts = [...ledger.of(handlerId)].map(([eventId, [first]]) => ({ eventId, line: first!.line }));
    return firsts
      .sort((a, b) => a.line - b.line)
      .filter(({ eventId }) => ledger.of('confirmed').has(eventId))
      .flatMap(({ eventId }) => {
        const key = ledger.of('confirmed').get(eventId)![0]!.detail.split('/')[0]!;
        const n = numberOf(ledger, eventId);
        const before = latest.get(key) ?? -1;
        latest.set(key, Math.max(before, n));
        return n > before
          ? []
          : [`${keyOf({ eventId, handlerId })}, order ${n} of ${key}, came after order ${before}`];
      });
  });
}

/** No order of a key begins at `invoice` in one living process while another one has not ended there. */
function overlaps(ledger: Ledger): string[] {
  const open = new Map<string, { eventId: string; by: string }>();
  const lines = (['begun', 'invoice', 'gone'] as const).flatMap((note) =>
    [...ledger.of(note).values()].flat(),
  );
  const found: string[] = [];
  for (const { eventId, by, note, detail } of lines.sort((a, b) => a.line - b.line)) {
    if (note === 'begun') {
      const other = open.get(detail);
      if (other !== undefined)
        found.push(`${eventId} of ${detail} began while ${other.eventId} ran in ${other.by}`);
      open.set(detail, { eventId, by });
    } else {
      for (const [key, other] of open)
        if (other.by === by && (note === 'gone' || other.eventId === eventId)) open.delete(key);
    }
  }
  return found;
}

/** The number of a confirmed order; NaN of others. */
function numberOf(ledger: Ledger, eventId: string): number {
  return Number(ledger.of('confirmed').get(eventId)?.[0]!.detail.split('/')[1]);
}
