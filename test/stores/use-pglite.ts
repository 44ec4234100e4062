import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll } from '@jest/globals';

/** A PostgreSQL in this process, in memory, for the tests of a file. */
export function usePglite(): { readonly db: PGlite } {
  const stage = {} as { db: PGlite };
  beforeAll(async () => {
    stage.db = await PGlite.create();
  }, 60_000);
  afterAll(() => stage.db.close());
  return stage;
}
