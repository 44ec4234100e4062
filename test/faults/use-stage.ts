import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { TestServer } from '../support/services/private-server.js';
import { type DurableBackend, DURABLE_BACKENDS } from './brokers/kinds.js';
import type { Broker } from './brokers/servers.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import { Stage } from './stage.js';

/** What a test works with. */
export interface Scene<B extends Broker = TestServer> {
  readonly stage: Stage;
  /** It keeps what it confirmed when it is killed. */
  readonly server: B;
}

/** Gives every test of a `describe` a stage of its own, on a server that the tests of the file share. */
export function useStage<B extends Broker>(backend: DurableBackend<B>): () => Scene<B> {
  let programs: BuiltPrograms;
  let server: B;
  let stage: Stage;
  beforeAll(async () => {
    programs = buildPrograms();
    server = await backend.server.start();
  });
  beforeEach(async () => {
    stage = await Stage.open(backend.kind, server.url, programs);
  });
  afterEach(() => stage?.close());
  afterAll(async () => {
    await server?.stop();
    programs?.remove();
  });
  return () => ({ stage, server });
}

/** Registers the tests for every backend that keeps events when a process dies. */
export function describeDurable(what: string, tests: (scene: () => Scene) => void): void {
  for (const backend of DURABLE_BACKENDS)
    backend.server.describe(`${backend.title}: ${what}`, () => tests(useStage(backend)));
}
