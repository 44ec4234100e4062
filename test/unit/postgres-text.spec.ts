import { describe, expect, it } from '@jest/globals';
import { fromText, toKey, toText } from '../../lib/clients/postgres/text.js';

const TEXTS = [
  '',
  'plain',
  'ü 🦄',
  '\0',
  'a\0b\0',
  '\uE000',
  '\uE0000000',
  '\uD800',
  'x\uDC00\uD800y',
  '\u0001',
];

describe('text for PostgreSQL', () => {
  it.each(TEXTS)('holds %j and gives it back', (text) => {
    const stored = toText(text);
    expect(stored).not.toContain('\0');
    expect(Buffer.from(stored).toString()).toBe(stored);
    expect(fromText(stored)).toBe(text);
  });

  it('leaves alone what needs nothing', () => {
    expect(toText('ü 🦄 \n')).toBe('ü 🦄 \n');
    expect(toKey('0190a5b1:Mailer.send')).toBe('0190a5b1:Mailer.send');
  });

  it('is short enough for an index, and different for different texts', () => {
    const long = [
      ...TEXTS.map((text) => text + 'é🦄x'.repeat(1000)),
      ...TEXTS.map((text) => 'é🦄x'.repeat(1000) + text),
    ];
    const keys = long.map(toKey);
    for (const key of keys) {
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(600);
      expect(key).not.toContain('\uFFFD');
    }
    expect(new Set(keys).size).toBe(new Set(long).size);
  });
});
