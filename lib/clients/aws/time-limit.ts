/**
 * Does a request that is broken off when its time is up, or when somebody else breaks it off.
 *
 * @param ms How long it may take.
 * @param outer Breaks it off, too.
 * @throws (rejects with) what the request does, or says that there was no answer in time.
 */
export async function withinLimit<T>(
  ms: number,
  request: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  // Not AbortSignal.timeout() and any(): what they make lives on after the request.
  const limit = new AbortController();
  const abort = () => limit.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort();
  }, ms);
  if (outer?.aborted) abort();
  outer?.addEventListener('abort', abort);
  try {
    return await request({ abortSignal: limit.signal });
  } catch (error) {
    if (late) throw new Error(`no answer within ${ms} ms`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', abort);
  }
}
