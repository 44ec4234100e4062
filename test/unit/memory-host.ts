import type { BackendHost, Event } from 'nestjs-durable-events';

/** A bus as its backend sees it, which remembers what it was told. */
export function recordingHost(): BackendHost & { readonly reported: string[]; readonly kept: Event[] } {
  const reported: string[] = [];
  const kept: Event[] = [];
  return {
    reported,
    kept,
    source: 'test',
    onKeyFailure: 'block-key',
    patterns: () => [],
    handles: () => true,
    hasBroadcastHandlers: () => false,
    report: (error) => void reported.push(error.message),
    deadLettered: ({ event }) => void kept.push(event),
    deadLetter: (event) => {
      kept.push(event);
      return Promise.resolve();
    },
  };
}
