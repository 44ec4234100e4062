import type { EventBackend } from 'nestjs-durable-events';
import type { Use } from '../../01-signup/src/program.js';
import { SetupError } from '../../01-signup/src/setup-error.js';
import { BACKENDS, type Choice } from './backends.js';

const DEFAULT = 'memory';

/**
 * What EVENTS_BACKEND says.
 *
 * @throws {SetupError} naming all backends, when it is none of them.
 */
export function choose({ EVENTS_BACKEND: name = DEFAULT }: NodeJS.ProcessEnv): {
  name: string;
  choice: Choice;
} {
  const choice = Object.hasOwn(BACKENDS, name) ? BACKENDS[name] : undefined;
  if (choice !== undefined) return { name, choice };
  throw new SetupError(`EVENTS_BACKEND is '${name}'. Choose one of: ${Object.keys(BACKENDS).join(', ')}.`);
}

/** The backend that EVENTS_BACKEND names, on the server that the variable of that server names. */
export function backendFor(environment: NodeJS.ProcessEnv, use: Use): EventBackend {
  const { choice } = choose(environment);
  if (choice.server === undefined) return choice.make(use);
  const { variable, url } = choice.server;
  return choice.make({
    connection: environment[variable] ?? url,
    namespace: environment['EVENTS_NAMESPACE'] ?? 'signup',
  });
}

/** How to have the server of the backend. A URL of somebody's is not shown: it may hold a password. */
export function advice(environment: NodeJS.ProcessEnv): string {
  const { name, choice } = choose(environment);
  if (choice.server === undefined) return `EVENTS_BACKEND=${name} needs no server.`;
  const { variable, url, start } = choice.server;
  return environment[variable] === undefined
    ? `EVENTS_BACKEND=${name} looked for its server at ${url}, because ${variable} is not set. Set it, or start one there:\n  ${start}`
    : `EVENTS_BACKEND=${name} looked for its server where ${variable} says. Is it there, and does it let you in?`;
}
