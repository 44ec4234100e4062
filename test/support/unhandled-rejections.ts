/**
 * Collects rejections that nobody handles, from now on.
 *
 * @returns For `afterEach`: throws the first one since the last call, when every promise had its turn.
 */
export function watchRejections(): () => Promise<void> {
  const unhandled: unknown[] = [];
  process.on('unhandledRejection', (reason) => unhandled.push(reason));
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const [first] = unhandled.splice(0);
    if (first !== undefined) throw new Error('A rejection was not handled.', { cause: first });
  };
}
