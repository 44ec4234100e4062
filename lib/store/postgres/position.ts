import { EventConfigurationError } from '../../errors.js';

/** A position as it stands in SQL: two numbers, one after the other, that sort as text. */
export const POSITION = `lpad(to_hex(transaction_id), 16, '0') || '-' || lpad(to_hex(position), 16, '0')`;

const FORM = /^([0-7][0-9a-f]{15})-([0-7][0-9a-f]{15})$/;

/**
 * The number of the transaction and the place in it, as decimal text.
 *
 * @throws {EventConfigurationError} for anything that is no position of such a store.
 */
export function parsePosition(position: string): readonly [transaction: string, place: string] {
  const [, transaction, place] = FORM.exec(position) ?? [];
  if (transaction === undefined || place === undefined) {
    throw new EventConfigurationError(
      `'${position}' is no position of a PostgresEventStore. Pass on what an event of this store has as its position.`,
    );
  }
  return [BigInt(`0x${transaction}`).toString(), BigInt(`0x${place}`).toString()];
}
