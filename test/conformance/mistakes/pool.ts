/** Runs at most so many at once, in order. */
export function pooled<T, R>(items: readonly T[], size: number, run: (item: T) => Promise<R>): Promise<R>[] {
  const results: Promise<R>[] = [];
  for (const [i, item] of items.entries()) {
    const place = i < size ? Promise.resolve() : results[i - size]!.then(ignore, ignore);
    results.push(place.then(() => run(item)));
  }
  return results;
}

function ignore(): void {}
