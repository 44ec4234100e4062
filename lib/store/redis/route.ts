import { compilePattern, isPattern } from '../../handlers/pattern.js';
import { type EventCriteria, typesOf } from '../criteria.js';
import type { StoreKeys } from './keys.js';
import { READ_LISTED, READ_LOG, READ_MERGED, READ_UNSETTLED } from './scripts/read.js';
import type { Script } from '../../clients/redis/script.js';

/** More types than this are not read side by side: the whole log is read instead. */
const MAX_TYPES = 64;

/** The shortest way to events: what to read so that all that meet the criteria are among it. */
export interface Route {
  readonly script: Script;
  /** What follows the keys and arguments that all reads have. */
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  /** Streams or lists that have nothing but what meets the criteria, to be counted. */
  readonly exactly?: readonly string[] | undefined;
}

/** Which way to take. @param known Every name of an event that the store has. */
export function routeTo(criteria: EventCriteria, keys: StoreKeys, known: readonly string[]): Route {
  const { streamId, publication, correlationId, causationId, source } = criteria;
  const alone = Object.values(criteria).filter((value) => value !== undefined).length === 1;
  const listed = (list: string, also = ''): Route => ({
    script: READ_LISTED,
    keys: [list, keys.ids],
    args: [also],
    exactly: alone && also === '' ? [list] : undefined,
  });
  if (streamId !== undefined) return listed(keys.stream(streamId));
  if (publication === 'pending' || publication === 'failed') {
    return { script: READ_UNSETTLED, keys: [keys.unsettled], args: [] };
  }
  if (correlationId !== undefined) return listed(keys.correlation(correlationId), correlationId);
  if (causationId !== undefined) return listed(keys.causation(causationId));
  const types = typesOf(criteria);
  if (types !== undefined) {
    const names = namesOf(types, known);
    if (names.length <= MAX_TYPES) {
      const streams = names.map((name) => keys.type(name));
      // What was chosen from the known types is out of date as soon as there is another one.
      const chosen = types.some(isPattern) ? known.length : -1;
      const exactly = alone ? streams : undefined;
      return { script: READ_MERGED, keys: [keys.types, ...streams], args: [chosen], exactly };
    }
  }
  if (source !== undefined) {
    const stream = keys.source(source);
    return {
      script: READ_MERGED,
      keys: [keys.types, stream],
      args: [-1],
      exactly: alone ? [stream] : undefined,
    };
  }
  const everything = Object.values(criteria).every((value) => value === undefined);
  return { script: READ_LOG, keys: [], args: [], exactly: everything ? [keys.log] : undefined };
}

function namesOf(types: readonly string[], known: readonly string[]): string[] {
  const patterns = types.filter(isPattern).map(compilePattern);
  const matching = known.filter((name) => patterns.some((matches) => matches(name)));
  return [...new Set([...types.filter((type) => !isPattern(type)), ...matching])];
}
