import type { DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import { duplicates } from './accounts.js';
import type { Ledger } from './ledger.js';
import { HANDLERS } from './programs/settings.js';
import type { StormLog, StormPlan } from './storm.js';

/** What there is to tell when all is settled. */
export interface StormResult {
  readonly plan: StormPlan;
  readonly log: StormLog;
  readonly ledger: Ledger;
  readonly deadLetters: readonly DeadLetter[];
  readonly settledAt: number;
}

export function stormReport({ plan, log, ledger, deadLetters, settledAt }: StormResult): string {
  const confirmed = ledger.of('confirmed');
  const stored = new Set(HANDLERS.flatMap((handlerId) => [...ledger.of(handlerId).keys()]));
  const rows: [string, string][] = [
    ['seed', String(plan.seed)],
    ['events confirmed', String(confirmed.size)],
    ['publishes rejected', String(ledger.lines('unconfirmed'))],
    ['stored all the same', String([...stored].filter((id) => !confirmed.has(id)).length)],
    ['consumers killed', String(log.kills.length)],
    ['Redis killed', String(log.redisBack.length)],
    ['dead letters', String(deadLetters.length)],
    ...Object.entries(duplicates(ledger)).map(duplicatesRow),
    ...log.redisBack.map((at, i) => recoveryRow(ledger, at, i)),
    ['all done after last kill', `${settledAt - log.kills.at(-1)!} ms`],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(28)}${value}\n`).join('');
}

function duplicatesRow([handlerId, count]: [string, number]): [string, string] {
  return [`duplicates of '${handlerId}'`, String(count)];
}

/** From the first answer of Redis to the first new event that was confirmed, and to the first that was handled. */
function recoveryRow(ledger: Ledger, backAt: number, index: number): [string, string] {
  const fresh = [...ledger.of('confirmed')].filter(([, [entry]]) => entry!.at >= backAt);
  const confirmedMs = Math.min(...fresh.map(([, [entry]]) => entry!.at)) - backAt;
  const handled = fresh.flatMap(([id]) => ledger.of('invoice').get(id) ?? []).map(({ at }) => at);
  const handledMs = Math.min(...handled) - backAt;
  return [
    `Redis outage ${index + 1}`,
    `publishes after ${confirmedMs} ms, handles new events after ${handledMs} ms`,
  ];
}
