import type { z } from 'zod';
import { SetupError } from './setup-error.js';

/** Reads variables of the environment by their schema. @throws {SetupError} naming every one that cannot be used. */
export function readEnvironment<T extends z.ZodType>(schema: T, environment: NodeJS.ProcessEnv): z.output<T> {
  const { success, data, error } = schema.safeParse(environment);
  if (success) return data;
  throw new SetupError(error.issues.map(({ path, message }) => `${path.join('.')} ${message}.`).join('\n'));
}
