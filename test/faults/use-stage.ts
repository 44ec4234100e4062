import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { TestServer } from '../support/services/private-server.js';
import { durable, DURABLE_BACKENDS } from './brokers/kinds.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import type { BackendKind } from './programs/settings.js';
import { Stage } from './stage.js';

/** What a test works with. */
export interface Scene {
  readonly stage: Stage;
  /** It keeps what it confirmed when it is killed. */
  readonly server: TestServer;
}

/** Gives every test of a `describe` a stage of its own, on a server that the tests of the file share. */
export function useStage(kind: BackendKind): () => Scene {
  let programs: BuiltPrograms;
  let server: TestServer;
  let stage: Stage;
  beforeAll(async () => {
    programs = buildPrograms();
    server = await durable(kind).server.start();
  });
  beforeEach(async () => {
    stage = await Stage.open(kind, server.url, programs);
  });
  afterEach(() => stage?.close());
  afterAll(async () => {
    await server?.stop();
    programs?.remove();
  });
  return () => ({ stage, server });
}

/** Registers the tests for every backend that keeps events when a process dies. */
export function describeDurable(what: string, tests: (scene: () => Scene, kind: BackendKind) => void): void {
  for (const { kind, title, server } of DURABLE_BACKENDS)
    server.describe(`${title}: ${what}`, () => tests(useStage(kind), kind));
}
