import type { Link } from './link.js';

/** How much a group has to do. */
export interface Figures {
  /** Events that wait. */
  readonly queued: number;
  /** Events that processes have. */
  readonly pending: number;
  /** Delayed events and retries. */
  readonly scheduled: number;
  /** Messages of the stream, of all groups. */
  readonly stored: number;
  /** Age of the oldest of these, in milliseconds. */
  readonly oldestMs: number;
}

/** @param consumes Whether the group has consumers to ask. */
export async function readFigures({ topology }: Link, consumes: boolean): Promise<Figures> {
  const [stream, [events, ...later]] = await Promise.all([
    topology.info(),
    consumes ? topology.state() : Promise.resolve([]),
  ]);
  const { messages, first_ts } = stream.state;
  return {
    queued: events?.num_pending ?? 0,
    pending: events?.num_ack_pending ?? 0,
    scheduled: later.reduce(
      (sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending,
      0,
    ),
    stored: messages,
    oldestMs: messages === 0 ? 0 : Math.max(0, Date.now() - Date.parse(first_ts)),
  };
}
