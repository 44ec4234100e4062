/** Names of everything a group uses. The braces put all keys of a namespace into one slot of a cluster. */
export interface Keys {
  /** Every event, for every group. */
  readonly stream: string;
  /** Delayed events: due time by id, and what to append by id. */
  readonly schedule: string;
  readonly scheduled: string;
  /** Deliveries to one handler of this group: retries, hand-overs, retried dead letters. */
  readonly retry: string;
  readonly retrySchedule: string;
  readonly retryScheduled: string;
  /** Dead letters of this group: entry by id, status by id, time of failure by id, time of closing by id. */
  readonly dead: string;
  readonly deadStatus: string;
  readonly deadIndex: string;
  readonly deadClosed: string;
}

export function keysOf(namespace: string, group: string): Keys {
  const tag = `{${namespace}}`;
  return {
    ...sharedKeysOf(namespace),
    retry: `${tag}:retry:${group}`,
    retrySchedule: `${tag}:retry-schedule:${group}`,
    retryScheduled: `${tag}:retry-scheduled:${group}`,
    dead: `${tag}:dead:${group}`,
    deadStatus: `${tag}:dead-status:${group}`,
    deadIndex: `${tag}:dead-index:${group}`,
    deadClosed: `${tag}:dead-closed:${group}`,
  };
}

/** The keys that publishing needs; they do not depend on the group. */
export function sharedKeysOf(namespace: string): Pick<Keys, 'stream' | 'schedule' | 'scheduled'> {
  const tag = `{${namespace}}`;
  return { stream: `${tag}:stream`, schedule: `${tag}:schedule`, scheduled: `${tag}:scheduled` };
}
