import { createRequire } from 'node:module';

const require = createRequire(new URL('../../peers/package.json', import.meta.url));

/** Loads a package of the workspace `test/bench/peers`, with the versions of Nest and of clients that it asks for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- whoever asks knows what it exports
export function peer<T>(name: string): T {
  return require(name) as T;
}
