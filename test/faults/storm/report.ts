import { type Accounts, duplicates } from '../accounts.js';
import type { Ledger } from '../ledger.js';
import { HANDLERS } from '../programs/settings.js';
import type { FaultName } from './faults.js';
import type { Strike } from './storm.js';

/** What a storm left behind. */
export interface StormResult {
  readonly title: string;
  readonly accounts: Accounts;
  readonly strikes: readonly Strike[];
  readonly refusedStarts: number;
  readonly seconds: number;
}

/** Figures of one storm, one per line. */
export function stormReport({ title, accounts, strikes, refusedStarts, seconds }: StormResult): string {
  const { ledger, deadLetters } = accounts;
  const confirmed = ledger.of('confirmed');
  const stored = new Set(HANDLERS.flatMap((handlerId) => [...ledger.of(handlerId).keys()]));
  const repeated = Object.entries(duplicates(accounts)).map(([handlerId, count]) => `${handlerId} ${count}`);
  const rows: [string, string][] = [
    ['events confirmed', String(confirmed.size)],
    ['publishes rejected', String(ledger.lines('unconfirmed'))],
    ['stored all the same', String([...stored].filter((id) => !confirmed.has(id)).length)],
    ['dead letters', String(deadLetters.length)],
    ['repeated effects', repeated.join(', ')],
    ['faults', String(strikes.length)],
    ['starts refused', String(refusedStarts)],
    ['seconds', seconds.toFixed(0)],
  ];
  return `${title}\n${rows.map(([name, value]) => `  ${name.padEnd(22)}${value}\n`).join('')}`;
}

/** How long it took after each kind of fault, storms side by side: Markdown. */
export function matrix(results: readonly StormResult[]): string {
  const faults = [...new Set(results.flatMap(({ strikes }) => strikes.map(({ fault }) => fault)))].sort();
  const rows = faults.map((fault) => [fault, ...results.map((result) => cell(result, fault))]);
  const lines = [['fault', ...results.map(({ title }) => title)], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) => `| ${line.map((each, i) => each.padEnd(widths[i]!)).join(' | ')} |`);
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [text[0]!, rule, ...text.slice(1)].join('\n');
}

/** The worst of its strikes. */
function cell({ strikes, accounts: { ledger } }: StormResult, fault: FaultName): string {
  const times = strikes.filter((strike) => strike.fault === fault).map((strike) => recovery(ledger, strike));
  if (times.length === 0) return '';
  // After the last of all faults there may be none left.
  const first = Math.max(...times.map(({ firstMs }) => firstMs).filter(Number.isFinite));
  const all = Math.max(...times.map(({ allMs }) => allMs));
  return `${times.length}x: ${Number.isFinite(first) ? first.toFixed(0) : '–'} / ${all.toFixed(0)} ms`;
}

/**
 * From the end of a fault to the first order that was handled after it, and to the last of the orders that had been
 * confirmed until then.
 */
function recovery(ledger: Ledger, { overAt }: Strike): { firstMs: number; allMs: number } {
  let first = Infinity;
  let last = overAt;
  for (const [id, entries] of ledger.of('invoice')) {
    for (const { at } of entries) if (at >= overAt) first = Math.min(first, at);
    const placedAt = ledger.of('confirmed').get(id)?.[0]!.at ?? Infinity;
    if (placedAt < overAt) last = Math.max(last, entries[0]!.at);
  }
  return { firstMs: first - overAt, allMs: last - overAt };
}
