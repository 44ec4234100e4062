import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createEventBus } from 'nestjs-durable-events';
import { compilePattern } from '../../lib/handlers/pattern.js';

/** The table of the documentation is what is tested. */
function documented(): [pattern: string, name: string, matches: boolean][] {
  const page = readFileSync(new URL('../../docs/handlers.md', import.meta.url), 'utf8');
  const [, afterHeading = ''] = page.split('## What a pattern matches');
  const rows = afterHeading
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => {
    const [, pattern = '', yes = '', no = ''] = row.split(/(?<!\\)\|/);
    const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    return [
      ...names(yes).map((name) => [names(pattern)[0]!, name, true] as [string, string, boolean]),
      ...names(no).map((name) => [names(pattern)[0]!, name, false] as [string, string, boolean]),
    ];
  });
}

const table = documented();

describe('patterns', () => {
  it('are documented with enough examples', () => {
    expect(table.length).toBeGreaterThan(45);
  });

  it.each(table)('%s on %s: %s', (pattern, name, matches) => {
    expect(compilePattern(pattern)(name)).toBe(matches);
  });

  it.each(table)('%s on %s: %s, in a bus', async (pattern, name, matches) => {
    const bus = createEventBus();
    let calls = 0;
    bus.on(pattern, () => void calls++);
    await bus.emitSync(name);
    expect(calls).toBe(matches ? 1 : 0);
    expect(bus.hasHandlers(name)).toBe(matches);
    await bus.close();
  });

  it.each(['order.pl*', 'a*b', '***', 'order.*x.**'])('%s is refused', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(`The pattern '${pattern}' has a star inside the segment`);
  });

  it('cannot be emitted', async () => {
    const bus = createEventBus();
    await expect(bus.emitSync('order.*')).rejects.toThrow(
      "'order.*' is a pattern: wildcards select events to handle, an event that is emitted has a plain name.",
    );
    await expect(bus.emitAsync('')).rejects.toThrow('An event needs a name: a non-empty string');
    await bus.close();
  });
});
