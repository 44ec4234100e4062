/** SQL whose values are numbered, `$1`, as pieces of text with the value that stands behind each. */
export interface Pieces {
  /** One more than there are values. */
  readonly texts: readonly string[];
  /** In the order in which the text has them: a number that is used twice is here twice. */
  readonly values: readonly unknown[];
}

/** Takes SQL apart at its placeholders, for libraries that number them by themselves. */
export function piecesOf(text: string, values: readonly unknown[]): Pieces {
  const found = text.split(/\$(\d+)/);
  return {
    texts: found.filter((_, i) => i % 2 === 0),
    values: found.filter((_, i) => i % 2 === 1).map((number) => values[Number(number) - 1]),
  };
}
