import { expect, it } from '@jest/globals';
import { resolvePostgresOptions } from '../../lib/backends/postgres/options.js';

const connection = 'postgresql://localhost/none';

it.each([
  { options: {}, pollMs: 1000 },
  { options: { notify: false }, pollMs: 100 },
  { options: { pollMs: 20 }, pollMs: 20 },
  { options: { pollMs: 60_000, notify: false }, pollMs: 60_000 },
])('looks for events every $pollMs ms with $options', ({ options, pollMs }) => {
  expect(resolvePostgresOptions({ connection, ...options }).pollMs).toBe(pollMs);
});

it('refuses to look without a pause', () => {
  expect(() => resolvePostgresOptions({ connection, pollMs: 0 })).toThrow(
    /Option 'pollMs' of PostgresBackend is 0/,
  );
});
