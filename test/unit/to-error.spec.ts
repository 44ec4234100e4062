import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { toError } from '../../lib/dispatch/failure.js';

it('leaves errors as they are, those of another realm, too', () => {
  const ours = new TypeError('here');
  const foreign: unknown = runInNewContext('new RangeError("there")');
  expect(foreign).not.toBeInstanceOf(Error);
  expect(toError(ours)).toBe(ours);
  expect(toError(foreign)).toBe(foreign);
});

it('makes an error of anything else, and shows it', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  expect(toError({ code: 7 })).toMatchObject({
    message: expect.stringContaining('{"code":7}'),
    cause: { code: 7 },
  });
  expect(toError(undefined).message).toContain('undefined');
  expect(toError(cycle).message).toContain('[object Object]');
});
