import { EventConfigurationError } from '../../../errors.js';

/**
 * What an adapter says to something that is no transaction: a statement of ours would be committed at once, whatever
 * becomes of the caller's.
 *
 * @param adapter Its name.
 * @param expected What to pass instead.
 */
export function outsideTransaction(adapter: string, expected: string): EventConfigurationError {
  return new EventConfigurationError(
    `${adapter} was not given a transaction that is open. Pass ${expected}.`,
  );
}
