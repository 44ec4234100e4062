import type { DeadLetterPage } from 'nestjs-durable-events';
import type { Tally } from './tally.js';

export interface Outcome {
  readonly path: string;
  readonly tally: Tally;
  readonly seconds: number;
  readonly settled: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** The first of them. */
  readonly deadLetters: DeadLetterPage['entries'];
  /** Whether the dead letters outlive the process. */
  readonly durable: boolean;
  /** Somebody asked to stop before the file was read to its end. */
  readonly interrupted: boolean;
}

/** What there is to say at the end. */
export function summarize(outcome: Outcome): string {
  const { path, tally, seconds, settled, retried, deadLettered, deadLetters, durable, interrupted } = outcome;
  const lines = [
    `${path}: ${figure(tally.lines)} sign-ups in ${seconds.toFixed(1)} s${interrupted ? ', then interrupted' : ''}`,
    `  accepted      ${figure(tally.accepted)}, of which ${figure(settled)} are handled`,
    `  refused       ${figure(tally.refused)}`,
    `  invalid       ${figure(tally.invalid)}`,
    `  retries       ${figure(retried)}`,
    `  dead letters  ${figure(deadLettered)}`,
    ...section(
      'Not accepted',
      tally.problems.map(({ line, message }) => `line ${line}: ${message}`),
      tally.lines - tally.accepted,
    ),
    ...section('Dead letters', deadLetters.map(describeLetter), deadLettered),
  ];
  if (deadLettered > 0) {
    lines.push(
      '',
      durable
        ? 'They wait at GET /dead-letters: start again without --file.'
        : 'They were in memory and end with this process; with a durable EVENTS_BACKEND they would stay.',
    );
  }
  if (interrupted) lines.push('', ...whatIsLeft(tally.accepted - settled, durable));
  return lines.join('\n');
}

function whatIsLeft(unhandled: number, durable: boolean): string[] {
  const goOn = 'Start again with the same file to go on: names that are taken are refused, the rest is read.';
  if (unhandled === 0) return [goOn];
  const fate = durable ? 'are stored, and handled by the next start' : 'took too long and are lost';
  return [`${figure(unhandled)} accepted sign-ups ${fate}.`, goOn];
}

function describeLetter({ event, handlerId, attempts }: DeadLetterPage['entries'][number]): string {
  const { username } = event.data as { username?: string };
  return `${handlerId} for ${username ?? event.id}: ${attempts.at(-1)?.error.message} Tries: ${attempts.length}.`;
}

function section(title: string, items: readonly string[], total: number): string[] {
  if (items.length === 0) return [];
  const rest = total - items.length;
  return [
    '',
    `${title}:`,
    ...items.map((item) => `  ${item}`),
    ...(rest > 0 ? [`  and ${figure(rest)} more`] : []),
  ];
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}
