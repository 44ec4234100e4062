import { EventConfigurationError } from '../errors.js';
import type { AppendOptions, ExpectedVersion } from './event-store.js';

/** @throws {EventConfigurationError} naming the option that cannot be used. */
export function checkAppend({ streamId, expectedVersion }: AppendOptions): void {
  if (streamId !== undefined && (typeof streamId !== 'string' || streamId === '')) {
    throw refused('streamId', streamId, 'a non-empty string');
  }
  if (expectedVersion === undefined) return;
  const known =
    typeof expectedVersion === 'number'
      ? Number.isInteger(expectedVersion) && expectedVersion >= 0
      : ['any', 'no-stream', 'exists'].includes(expectedVersion);
  if (!known)
    throw refused(
      'expectedVersion',
      expectedVersion,
      `a whole number from 0, 'any', 'no-stream' or 'exists'`,
    );
  if (streamId === undefined && expectedVersion !== 'any') {
    throw new EventConfigurationError(
      `Events were to be appended with expectedVersion = ${expectedVersion}, but without the streamId that has a version.`,
    );
  }
}

/** Whether a stream with so many events is as the append wants it. */
export function meetsExpectation(expected: ExpectedVersion, version: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'exists') return version > 0;
  return version === (expected === 'no-stream' ? 0 : expected);
}

function refused(option: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `Events were to be appended with ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}
