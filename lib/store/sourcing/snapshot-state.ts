/**
 * The part of a state that JSON would lose or change, as in `placedAt (a Date)`.
 *
 * @returns `undefined` when there is none.
 */
export function lostInJson(value: unknown, path = 'state'): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path} (${value})`;
  if (typeof value !== 'object') return `${path} (a ${typeof value})`;
  if (Array.isArray(value)) return firstOf(value, (part, i) => itemLost(part, `${path}[${i}]`));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return `${path} (a ${value.constructor?.name ?? 'class'})`;
  }
  return firstOf(Object.entries(value), ([key, part]) => lostInJson(part, `${path}.${key}`));
}

/** JSON has null for an item that is undefined, and leaves a property out. */
function itemLost(item: unknown, path: string): string | undefined {
  return item === undefined ? `${path} (undefined)` : lostInJson(item, path);
}

function firstOf<T>(
  list: readonly T[],
  find: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of list.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
