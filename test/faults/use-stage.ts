import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import { Stage } from './stage.js';

/** What a test works with. */
export interface Scene {
  readonly stage: Stage;
  /** Its append-only file is written before anything is confirmed. */
  readonly server: TestServer;
}

/** Gives every test of a `describe` a stage of its own, on a Redis that the tests of the file share. */
export function useStage(): () => Scene {
  let programs: BuiltPrograms;
  let server: TestServer;
  let stage: Stage;
  beforeAll(async () => {
    programs = buildPrograms();
    server = await startRedis({ appendfsync: 'always' });
  });
  beforeEach(() => {
    stage = new Stage(programs.service, server.url);
  });
  afterEach(() => stage?.close());
  afterAll(async () => {
    await server?.stop();
    programs?.remove();
  });
  return () => ({ stage, server });
}
