import { expect, it } from '@jest/globals';
import { tables } from './index.js';

it('every comparison of every table names cases of it, and no two cases have one name', () => {
  for (const { id, cases, comparisons } of tables) {
    const keys = cases.map(({ key }) => key);
    expect([id, new Set(keys).size]).toEqual([id, keys.length]);
    const compared = comparisons.flatMap(({ of, over }) => [of, over]);
    expect([id, compared.filter((key) => !keys.includes(key))]).toEqual([id, []]);
  }
  expect(new Set(tables.map(({ id }) => id)).size).toBe(tables.length);
});
