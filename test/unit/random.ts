/** Numbers that look random and are the same in every run: by the generator mulberry32. */
export function random(seed: number) {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  /** A whole number from 0 to below `end`. */
  const integer = (end: number): number => Math.floor(next() * end);
  const pick = <T>(items: readonly T[]): T => items[integer(items.length)]!;
  return { integer, pick };
}
