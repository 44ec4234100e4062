/**
 * Key that stands for an event that was stored, for as long as another one of its id is left out. Ids are unique per
 * source only; the colon between the two must not be found in the source.
 */
export function markOf(namespace: string, source: string, id: string): string {
  const escaped = source.replace(/[%:]/g, (char) => (char === ':' ? '%3A' : '%25'));
  return `{${namespace}}:seen:${escaped}:${id}`;
}

/**
 * Name of a delayed event on the schedule. Ids that we make are unique; an id that the emitter chose is so only with
 * its source, and nobody may take another service's event for its own.
 */
export function scheduleNameOf(source: string, id: string, chosen: boolean): string {
  return chosen ? `${id}\n${source}` : id;
}
