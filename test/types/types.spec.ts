import { join } from 'node:path';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { assertBuilt } from '../support/built-package.js';
import { compile, COMPILERS, differences, expectedErrors } from './compile.js';

jest.setTimeout(120_000);

const cases = join(import.meta.dirname, 'cases');

beforeAll(assertBuilt);

describe.each(Object.entries(COMPILERS))('%s', (_name, compiler) => {
  it.each(['with-event-map', 'without-event-map'])(
    'accepts what is right and refuses what is wrong, %s',
    (folder) => {
      const expected = expectedErrors(join(cases, folder));
      expect(expected.length).toBeGreaterThan(0);
      expect(differences(expected, compile(compiler, join(cases, folder)))).toEqual([]);
    },
  );
});
