import { EventConfigurationError } from '../../errors.js';

/**
 * Checks the first part of keys.
 *
 * @param user Whose option it is.
 * @throws {EventConfigurationError} when it is empty or would spoil the hash tag.
 */
export function checkNamespace(namespace: string, user: string): string {
  if (namespace !== '' && !/[{}]/.test(namespace)) return namespace;
  throw new EventConfigurationError(
    `Option 'namespace' of ${user} is '${namespace}'. Set it to text without { and }, because those mark the hash slot of its keys.`,
  );
}
