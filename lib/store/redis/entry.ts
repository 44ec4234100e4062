import { EventConfigurationError } from '../../errors.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import { type Publication, StoredEvent } from '../stored-event.js';
import { USER } from './options.js';

/** An event as the scripts reply with it. */
export type Entry = readonly [
  position: string,
  recordedAt: string,
  streamId: string,
  streamVersion: string,
  publication: string,
  wire: string,
];

export function storedEventOf([position, at, streamId, version, publication, wire]: Entry): StoredEvent {
  const [state, ...error] = publication.split('\n');
  return new StoredEvent(decodeEvent(wire), {
    position,
    recordedAt: new Date(Number(at)),
    streamId: streamId === '' ? undefined : streamId,
    streamVersion: streamId === '' ? undefined : Number(version),
    publication: state === '' ? undefined : (state as Publication),
    publishError: error.length === 0 ? undefined : error.join('\n'),
  });
}

/** What became of publishing an event, as it is kept. */
export function publicationText(publication: Publication, error: string | undefined): string {
  return error === undefined ? publication : `${publication}\n${error}`;
}

/** @throws {EventConfigurationError} for something that no event here has. */
export function checkPosition(position: string): string {
  if (/^\d{16}$/.test(position)) return position;
  throw new EventConfigurationError(
    `'${position}' is no position of a ${USER}. Pass on what an event of this store has as its position.`,
  );
}
