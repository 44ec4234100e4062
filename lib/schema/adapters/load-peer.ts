import { createRequire } from 'node:module';
import { EventConfigurationError } from '../../errors.js';

const require = createRequire(import.meta.url);

/**
 * Loads an optional package at once, so that a definition can be made without waiting.
 *
 * @param module What to load, such as `ajv/dist/2020.js`.
 * @param user Who needs it, as errors call it.
 * @throws {EventConfigurationError} naming the package to install.
 */
export function loadPeer(module: string, user: string): unknown {
  const name = module.split('/', 1)[0]!;
  try {
    return require(module) as unknown;
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new EventConfigurationError(`${user} needs the package ${name}. Install it: npm install ${name}`, {
      cause,
    });
  }
}

/** The package itself is missing, and not something that it needs. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && new RegExp(`^Cannot find module '${name}[/']`).test(message);
}
