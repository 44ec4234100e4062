import { checkTimeout, refusedOption } from '../../clients/options.js';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { PatternSet } from '../../handlers/pattern-set.js';
import type { EventStore } from '../event-store.js';
import type { SubscribeOptions } from '../subscription-options.js';
import { redactionOf } from './redaction.js';

/** The option `store` of `EventsModule` in full. `pollMs` and `leaseMs` are for mode `publish`. */
export interface RecordingOptions extends Pick<SubscribeOptions, 'pollMs' | 'leaseMs'> {
  /** Opened before handlers run, and closed after the last one has ended. */
  readonly store: EventStore;
  /** Names or patterns of the events to keep. Default: all. The others are published as without a store. */
  readonly types?: string | readonly string[] | undefined;
  /**
   * Paths whose values are kept as `[redacted]`, such as `data.password`, `data.cards.*.number` (every entry of a list
   * or field of an object) or `metadata.custom.token`. What is published, and what handlers see, is whole. Default: none.
   */
  readonly redact?: readonly string[] | undefined;
  /** The stream to append an event to; `undefined` for none. Default: none. */
  readonly stream?: ((event: Event) => string | undefined) | undefined;
  /**
   * - `record`: the event is appended, then published, and the store is told how that went.
   * - `publish`: the event is appended, which is all that the emitter waits for; one of the processes publishes
   *   whatever is appended, also without the bus, in the order of the store and at least once.
   *
   * Default `record`.
   */
  readonly mode?: 'record' | 'publish' | undefined;
  /**
   * Only with mode `publish`: the checkpoint of those that publish. Processes with one name take turns, so that each
   * event is published by one of them. Default `publisher:` and the module's `source`.
   */
  readonly name?: string | undefined;
}

/** Options that were checked, and compiled where that saves work per event. */
export interface ResolvedRecording extends Pick<SubscribeOptions, 'pollMs' | 'leaseMs'> {
  readonly store: EventStore;
  readonly types: readonly string[] | undefined;
  readonly mode: 'record' | 'publish';
  readonly name: string;
  /** Whether values are left out of what is written. */
  readonly redacts: boolean;
  /** Whether an event is to be kept. */
  readonly covers: (event: Event) => boolean;
  /** The event as it is written. */
  readonly redacted: (event: Event) => Event;
  readonly streamOf: (event: Event) => string | undefined;
}

const USER = `the option 'store' of EventsModule`;
const KNOWN: readonly string[] = Object.keys({
  store: true,
  types: true,
  redact: true,
  stream: true,
  mode: true,
  name: true,
  pollMs: true,
  leaseMs: true,
} satisfies Record<keyof RecordingOptions, true>);

/** @throws {EventConfigurationError} naming the option that cannot be used. */
export function resolveRecording(options: RecordingOptions, source: string): ResolvedRecording {
  for (const option of Object.keys(options)) {
    if (!KNOWN.includes(option)) {
      throw new EventConfigurationError(
        `The option 'store' of EventsModule was given '${option}', which it does not know. It knows ${KNOWN.join(', ')}.`,
      );
    }
  }
  const { store, types, redact = [], stream, mode = 'record', name } = options;
  if (mode !== 'record' && mode !== 'publish') {
    throw refusedOption('mode', mode, USER, `'record' or 'publish'`);
  }
  if (stream !== undefined && typeof stream !== 'function') {
    throw refusedOption('stream', stream, USER, 'a function that tells the stream of an event');
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw refusedOption('name', name, USER, 'a non-empty string');
  }
  for (const option of ['name', 'pollMs', 'leaseMs'] as const) {
    if (options[option] === undefined || mode === 'publish') continue;
    throw refusedOption(option, options[option], USER, `nothing: only mode 'publish' has a checkpoint`);
  }
  if (options.pollMs !== undefined) checkTimeout('pollMs', options.pollMs, USER);
  if (options.leaseMs !== undefined) checkTimeout('leaseMs', options.leaseMs, USER);
  if (redact.length > 0 && mode === 'publish') {
    throw refusedOption(
      'redact',
      redact,
      USER,
      `nothing, or 'mode' to 'record': mode 'publish' publishes what is written`,
    );
  }
  const list = typeof types === 'string' ? [types] : types;
  return {
    store,
    types: list,
    mode,
    name: name ?? `publisher:${source}`,
    pollMs: options.pollMs,
    leaseMs: options.leaseMs,
    redacts: redact.length > 0,
    covers: coverageOf(list),
    redacted: redactionOf(redact, USER),
    streamOf: stream === undefined ? () => undefined : (event) => streamOf(stream, event),
  };
}

function coverageOf(types: readonly string[] | undefined): (event: Event) => boolean {
  if (types === undefined) return () => true;
  const wrong = types.find((type) => typeof type !== 'string' || type === '');
  if (types.length === 0 || wrong !== undefined) {
    throw refusedOption('types', types, USER, 'names or patterns, one at least');
  }
  const set = new PatternSet(types);
  return ({ type }) => set.covers(type);
}

function streamOf(stream: (event: Event) => unknown, event: Event): string | undefined {
  const id = stream(event);
  if (id === undefined || (typeof id === 'string' && id !== '')) return id;
  throw new EventConfigurationError(
    `Option 'stream' of ${USER} gave ${JSON.stringify(id)} for event '${event.type}' (${event.id}). Have it return a non-empty string, or undefined for an event of no stream.`,
  );
}
