import { inTime as endsInTime } from '../in-time.js';

/**
 * The result of work that has to end in time.
 *
 * @throws {EventTimeoutError} when it does not.
 */
export function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  return endsInTime('Redis', ms, work);
}

/** The group is not there, as after FLUSHALL: what it had pending is gone with it. */
export function isGroupMissing(error: unknown): boolean {
  return (error as Error).message.includes('NOGROUP');
}
