/**
 * Aborts when the process is asked to end, by Ctrl-C or by SIGTERM. Further requests change nothing: a terminal and
 * npm both pass Ctrl-C on, so that one often arrives twice.
 */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}
