import { describe, expect, it } from '@jest/globals';
import { fingerprintOf } from '../../lib/dead-letters/fingerprint.js';

const of = (message: string, name = 'Error', handlerId = 'h', code?: string) =>
  fingerprintOf(handlerId, { name, message, ...(code !== undefined && { code }) });

describe('the fingerprint of a failure', () => {
  it.each<[string, string, string]>([
    ['numbers', 'Order 17 has 3 items', 'Order 4711 has 12 items'],
    ['decimals and times', 'took 1.5 s at 10:04:59', 'took 20.25 s at 23:00:01'],
    ['addresses of machines', 'connect ECONNREFUSED 10.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:6379'],
    ['addresses of memory', 'at 0xdeadbeef', 'at 0x00ff'],
    ['UUIDs', 'no user 0198f2a0-7c3e-7b1a-9d2e-0123456789ab', 'no user 123e4567-e89b-12d3-a456-426614174000'],
    [
      'hashes',
      'commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
      'commit e83c5163316f89bfbde7d9ab23ca2e25604af290',
    ],
    ['ids of letters and digits', 'no file 01HZX3Y8Q2V9T4', 'no file 01J0A7B6C5D4E3'],
    ['single quotes', "can't find user 'ada'", "can't find user 'bob'"],
    ['single quotes around one', "no customer 'O'Brien' here", "no customer 'Smith' here"],
    ['double quotes', 'Unexpected token "a" in JSON', 'Unexpected token "}" in JSON'],
    ['backquotes', 'no column `total`', 'no column `price`'],
    ['addresses of people', 'no mailbox ada@example.org', 'no mailbox bob@example.com'],
  ])('leaves out %s', (_, one, other) => {
    expect(of(one)).toBe(of(other));
  });

  it('differs by handler, name, code and wording', () => {
    const kinds = [
      of('Order not found'),
      of('Order not paid'),
      of("can't connect"),
      of("can't read"),
      of('Order not found', 'NotFoundError'),
      of('Order not found', 'Error', 'other'),
      of('Order not found', 'Error', 'h', 'E_NOT_FOUND'),
    ];
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const kind of kinds) expect(kind).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each(["'", '"', '`', 'a', '1', '-', '@', "'a "])('costs little on a huge message of %p', (text) => {
    const message = text.repeat(10_000_000 / text.length);
    const before = performance.now();
    for (let i = 0; i < 20; i++) of(message, message, 'h', message);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});
