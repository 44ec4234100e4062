import { EventConfigurationError } from '../errors.js';

/** The longest time that timers take. */
const MAX_MS = 2 ** 31 - 1;

/**
 * Checks a limit in milliseconds.
 *
 * @param user Whose option it is.
 * @throws {EventConfigurationError} when no timer could keep it.
 */
export function checkTimeout(option: string, ms: number, user: string): number {
  if (Number.isSafeInteger(ms) && ms >= 1 && ms <= MAX_MS) return ms;
  throw new EventConfigurationError(
    `Option '${option}' of ${user} is ${String(ms)}. Set it to a whole number of milliseconds from 1 to ${MAX_MS}.`,
  );
}

/** For an option that cannot work. @param want What to set it to. */
export function refusedOption(
  option: string,
  value: unknown,
  user: string,
  want: string,
): EventConfigurationError {
  const shown =
    typeof value === 'string'
      ? `'${value}'`
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
  return new EventConfigurationError(`Option '${option}' of ${user} is ${shown}. Set it to ${want}.`);
}

/**
 * Checks a number of things.
 *
 * @throws {EventConfigurationError} when it is not a whole number, less than `least`, or more than `most`.
 */
export function checkWhole(option: string, value: number, user: string, least = 1, most = Infinity): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw refusedOption(option, value, user, `a whole number ${range}`);
}

/**
 * Checks the name of a service, which may come later.
 *
 * @throws {EventConfigurationError} when it is empty.
 */
export function checkGroup(group: string | undefined, user: string): string | undefined {
  if (group !== '') return group;
  throw refusedOption('group', group, user, 'the name of your service, or leave it out');
}

/** Which service a store works for: by its option `group`, else the one it was opened for. */
export class ServiceName {
  #service: string | undefined;

  /** @param user Whose name it is. */
  constructor(
    group: string | undefined,
    private readonly user: string,
  ) {
    this.#service = checkGroup(group, user);
  }

  /** Takes the name unless there is one. */
  default(service: string): void {
    this.#service ??= service;
  }

  /** @throws {EventConfigurationError} when nobody has told it. */
  get name(): string {
    if (this.#service !== undefined) return this.#service;
    throw new EventConfigurationError(
      `${this.user} does not know whose it is. Set 'group', or call open(service) first, as the module does.`,
    );
  }
}
