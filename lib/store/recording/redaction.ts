import { refusedOption } from '../../clients/options.js';
import { Event, type EventMetadata, NO_METADATA } from '../../event.js';

/** What stands in the place of a value that is not to be kept. */
export const REDACTED = '[redacted]';

/** Every field of an object, or entry of a list. */
const EVERY = '*';

/** Paths as a tree: each field with what is to be redacted below it; `true` is all of it. */
type Tree = Map<string, Tree | true>;

/**
 * Compiles paths into a function that gives a copy of an event without the values there. What the paths do not touch is
 * shared with the event; an event without any of them is returned as it is.
 *
 * @throws {EventConfigurationError} naming the path that is none.
 */
export function redactionOf(paths: readonly string[], user: string): (event: Event) => Event {
  if (paths.length === 0) return (event) => event;
  const tree: Tree = new Map();
  for (const path of paths) plant(tree, segmentsOf(path, user));
  const inData = tree.get('data');
  const inMetadata = tree.get('metadata');
  return (event) => {
    const data = redact(event.data, inData);
    const metadata = redact(event.metadata, inMetadata) as EventMetadata;
    if (data === event.data && metadata === event.metadata) return event;
    const { id, key, causationId, correlationId, inlinedBy } = event;
    return new Event(event.type, data, event.createdAtMs, event.source, event.version, {
      id,
      key,
      correlationId: correlationId === id ? undefined : correlationId,
      causationId,
      metadata: metadata === NO_METADATA ? undefined : metadata,
      inlinedBy,
    });
  };
}

function segmentsOf(path: unknown, user: string): string[] {
  const segments = typeof path === 'string' ? path.split('.') : [];
  const [root] = segments;
  const complete = segments.length > 1 && !segments.includes('');
  if (complete && (root === 'data' || root === 'metadata')) return segments;
  throw refusedOption('redact', path, user, `paths such as 'data.password' or 'metadata.custom.token'`);
}

function plant(tree: Tree, [field, ...rest]: readonly string[]): void {
  const below = tree.get(field!);
  if (below === true) return;
  if (rest.length === 0) tree.set(field!, true);
  else if (below !== undefined) plant(below, rest);
  else {
    const branch: Tree = new Map();
    tree.set(field!, branch);
    plant(branch, rest);
  }
}

/** The value itself when nothing in it is to be redacted. */
function redact(value: unknown, tree: Tree | true | undefined): unknown {
  if (tree === undefined || value === undefined) return value;
  if (tree === true) return REDACTED;
  const plain = plainOf(value);
  if (plain === undefined) return value;
  let copy: Record<string, unknown> | unknown[] | undefined;
  for (const [field, below] of tree) {
    for (const key of field === EVERY ? Object.keys(plain) : [field]) {
      if (!Object.hasOwn(plain, key)) continue;
      // Two branches may meet in one value, one of them by its star.
      const before = (copy ?? plain) as Record<string, unknown>;
      const after = redact(before[key], below);
      if (after === before[key]) continue;
      copy ??= Array.isArray(plain) ? [...(plain as unknown[])] : { ...plain };
      (copy as Record<string, unknown>)[key] = after;
    }
  }
  return copy ?? value;
}

/** The object as JSON will show it; `undefined` for what has no fields. */
function plainOf(value: unknown): object | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? plainOf(toJSON.call(value)) : value;
}
