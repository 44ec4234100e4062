import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { Harness } from './harness.js';

/** What the tests of a block work with. */
export interface Stage {
  /** A private server, the same for all of them. */
  readonly server: TestServer;
  /** New for each. */
  readonly test: Harness;
}

/** Sets up a private server for the tests of a block and a harness for each of them, and clears both away. */
export function useBullMQ(): Stage {
  Logger.overrideLogger(false); // the failures of handlers are meant
  const stage = {} as { server: TestServer; test: Harness };
  beforeAll(async () => {
    stage.server = await startRedis();
  });
  afterAll(() => stage.server.stop());
  beforeEach(() => {
    stage.test = new Harness(stage.server.url);
  });
  afterEach(() => stage.test.close());
  return stage;
}
