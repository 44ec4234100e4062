/** One record of a file: what it says, or why it cannot be read. */
export type Row =
  { readonly line: number; readonly value: unknown } | { readonly line: number; readonly problem: string };
