import type { Event } from '../../event.js';

/** What BullMQ or Redis would read a meaning into, and what our own names are put together with. */
const RESERVED = /[%:@~{}\s\p{Cc}\p{Cs}]/gu;
const PLAIN = /^[\w.-]*$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** Half of a surrogate pair: text that UTF-8 cannot hold. */
const LONE_SURROGATE = /^\p{Cs}$/u;

/**
 * The name of a group's queue. Different names give different queues; each part is percent-encoded where it has to
 * be, because BullMQ refuses names with a colon.
 */
export function queueNameOf(namespace: string, group: string): string {
  return `${escape(namespace).replaceAll('.', '%2E')}.${escape(group)}`;
}

/** Redis set of the groups that get what is published in a namespace. No queue of ours has this name. */
export function groupsKeyOf(prefix: string, namespace: string): string {
  return `${prefix}:${escape(namespace).replaceAll('.', '%2E')}:groups`;
}

/** What stands in for the namespace in the keys of dead letters, apart from those of other backends. */
export function tagOf(prefix: string, namespace: string): string {
  return `${prefix.replaceAll(/[{}]/g, '')}:${namespace}`;
}

/**
 * The id of an event's job, by which it is found again: to store it once, or to take it back. Ids made here are unique
 * by themselves; those chosen by an emitter are only so together with its name, and may be words that BullMQ uses for
 * keys.
 */
export function jobIdOf({ id, source }: Pick<Event, 'id' | 'source'>, chosen: boolean): string {
  return !chosen && UUID.test(id) ? id : `${escape(id)}@${escape(source)}`;
}

const PROCESS = Math.random().toString(36).slice(2, 8);
let count = 0;

/** An id of a job that no other has. It begins with the id of the event, for whoever looks for that on a board. */
export function uniqueJobIdOf({ id }: Pick<Event, 'id'>): string {
  return `${escape(id)}~${PROCESS}${(count++).toString(36)}`;
}

function escape(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(RESERVED, (char) =>
    LONE_SURROGATE.test(char) ? `%u${char.charCodeAt(0).toString(16)}` : encodeURIComponent(char),
  );
}
