import { EventConfigurationError } from '../../errors.js';

/** Commands whose arguments have the password. */
const LOGGING_IN = /^(auth|hello)$/i;

/**
 * The first listener for errors of a client. An error that is the answer to a command carries that command, and so the
 * password where Redis refuses it: the arguments are taken out before anybody else sees the error.
 */
export function hideCredentials(error: Error & { command?: { name: string; args: unknown[] } }): void {
  if (error.command !== undefined && LOGGING_IN.test(error.command.name)) error.command.args = [];
}

/**
 * Checks that ioredis can read a text. It would put one that it cannot into its error, and take other schemes for paths.
 *
 * @param user Whose option 'connection' it is.
 * @throws {EventConfigurationError} which does not show it: it may hold a password.
 */
export function checkRedisUrl(text: string, user: string): void {
  if (text.startsWith('/') && !text.startsWith('//')) return; // a socket of this machine
  const url = text.includes('://') ? text : `redis://${text}`;
  if (/^rediss?:\/\/./i.test(url) && URL.canParse(url)) return;
  throw new EventConfigurationError(
    `Option 'connection' of ${user} is a text, but not a URL of Redis. Use one such as 'redis://user:password@localhost:6379' ('rediss://' for TLS).`,
  );
}
