/** Why a client or server of Nest failed, in words. Some fail with text or with objects that hold a URL, which is not shown. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof Error) {
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
    return cause.message === '' ? code : cause.message;
  }
  if (typeof cause === 'string') return cause.replace(/^Error: /, '');
  const inner = (cause as { err?: unknown } | undefined)?.err;
  return inner === undefined ? 'the connection failed' : reasonOf(inner);
}
