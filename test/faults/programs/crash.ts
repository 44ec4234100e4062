/** Ends this process as a crash does: nothing after this runs, no hook, no handler of a signal. */
export function crash(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL did not end this process.');
}
