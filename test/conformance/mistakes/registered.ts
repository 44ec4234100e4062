import { expect } from '@jest/globals';
import {
  type BackendFactory,
  type ConformanceCapabilities,
  type ConformanceOptions,
  describeBackend,
} from 'nestjs-durable-events/testing';
import type { Mistake } from './altered.js';

/** What `describeBackend` registers, with a runner that runs nothing. */
export interface Registered {
  readonly cases: ReadonlyMap<string, () => Promise<void>>;
  /** Names of those that were skipped, with their reason. */
  readonly skipped: readonly string[];
  readonly summary: ReturnType<typeof describeBackend>;
}

export function registered(
  factory: BackendFactory,
  capabilities: ConformanceCapabilities,
  options: ConformanceOptions = {},
): Registered {
  const cases = new Map<string, () => Promise<void>>();
  const skipped: string[] = [];
  const register = (name: string, test: () => Promise<void>) => cases.set(name, test);
  const runner = {
    describe: (_: string, define: () => void) => define(),
    it: Object.assign(register, { skip: (name: string) => skipped.push(name) }),
  };
  return { cases, skipped, summary: describeBackend(factory, capabilities, { ...options, runner }) };
}

/** Each mistake with each case that has to notice it, for `it.each('%s: %s')`. */
export function byCase(mistakes: Readonly<Record<string, Mistake>>): [what: string, name: string, Mistake][] {
  return Object.entries(mistakes).flatMap(([what, mistake]) =>
    [mistake.fails].flat().map((name): [string, string, Mistake] => [what, name, mistake]),
  );
}

/** Runs a case on a backend with a mistake. @returns How it failed; `undefined` when it passed. */
export async function failureOf(
  name: string,
  mistake: Mistake,
  options: ConformanceOptions,
): Promise<Error | undefined> {
  const { cases } = registered(mistake.make, mistake.held ?? declared(mistake), {
    ...options,
    ...mistake.options,
  });
  const run = cases.get(name);
  if (run === undefined) throw new Error(`There is no case '${name}' that runs.`);
  return run().then(
    () => undefined,
    (thrown: Error) => thrown,
  );
}

function declared({ make }: Mistake): ConformanceCapabilities {
  const { capabilities, cancel } = make({ namespace: 'declared', group: 'declared' });
  return { ...capabilities, cancel: cancel !== undefined };
}

/** What the failure of a case looks like that has noticed something, for `toMatchObject`. */
export function noticed(says: RegExp = /./): object {
  return { name: 'AssertionError', message: expect.stringMatching(says) };
}
