import { EventValidationError } from 'nestjs-durable-events';
import { SignupRefused } from '../signup/signup-refused.js';
import type { Row } from './row.js';
import type { Tally } from './tally.js';

/**
 * Accepts row after row, in the order of the file: of two that want one name, the first gets it.
 *
 * @param accept Resolves when the sign-up is accepted.
 * @param signal Ends it between two rows.
 * @throws whatever is not the fault of the row, such as a broker that does not answer.
 */
export async function importRows(
  rows: AsyncIterable<Row>,
  accept: (candidate: unknown) => Promise<unknown>,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  for await (const row of rows) {
    if (signal.aborted) return;
    if ('problem' in row) tally.reject(row.line, row.problem);
    else await importRow(row.line, row.value, accept, tally);
  }
}

async function importRow(
  line: number,
  value: unknown,
  accept: (candidate: unknown) => Promise<unknown>,
  tally: Tally,
): Promise<void> {
  try {
    await accept(value);
    tally.accepted++;
  } catch (error) {
    if (error instanceof EventValidationError) tally.reject(line, issuesOf(error));
    else if (error instanceof SignupRefused) tally.refuse(line, error.message);
    else throw error;
  }
}

function issuesOf({ issues }: EventValidationError): string {
  return issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ') + '.';
}
