import type { Requests } from '../../clients/nats/requests.js';

/** A message as a stream keeps it. */
export interface StoredMessage {
  /** Its place in the stream. */
  readonly seq: number;
  /** Its headers as they are sent: lines of a name, a colon and a value. */
  readonly headers: string;
  readonly text: string;
}

/** What JetStream answers. */
interface Answer {
  readonly message?: { readonly seq: number; readonly hdrs?: string; readonly data?: string };
  readonly success?: boolean;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/** JetStream's code for a subject without a message. */
const NO_MESSAGE = 10037;
/** And for a message that cannot be deleted, mostly because it is not there. */
const NOT_DELETED = 10057;

/** Reads the last message of a subject; nothing where there is none. Many calls may be under way. */
export async function lastMessage(
  requests: Requests,
  stream: string,
  subject: string,
): Promise<StoredMessage | undefined> {
  const { message, error } = await ask(requests, `GET.${stream}`, { last_by_subj: subject });
  if (message !== undefined) {
    const { seq, hdrs, data } = message;
    return { seq, headers: textOf(hdrs), text: textOf(data) };
  }
  if (error?.err_code === NO_MESSAGE) return undefined;
  throw new Error(`JetStream could not read '${subject}': ${error?.description ?? 'no reason given'}`);
}

/**
 * Deletes one message. A purge of its subject would not do: servers 2.9 then take everything before it away from
 * consumers that read other subjects as well.
 *
 * @returns Whether it was there; `undefined` when it is gone, but may have been deleted by this very call.
 */
export async function deleteMessage(
  requests: Requests,
  stream: string,
  seq: number,
): Promise<boolean | undefined> {
  const { success, error, resent } = await ask(requests, `DELETE.${stream}`, { seq, no_erase: true });
  if (success === true) return true;
  if (error?.err_code === NOT_DELETED) return resent ? undefined : false;
  throw new Error(`JetStream could not delete message ${seq}: ${error?.description ?? 'no reason given'}`);
}

/** With whether it was asked more than once. */
function ask(
  requests: Requests,
  what: string,
  question: object,
): Promise<Answer & { readonly resent: boolean }> {
  const subject = `$JS.API.STREAM.MSG.${what}`;
  return new Promise((resolve, reject) => {
    requests.send({ subject, data: JSON.stringify(question) }, (error, reply, resent = false) => {
      if (error === undefined) resolve({ ...reply!.json<Answer>(), resent });
      else reject(error);
    });
  });
}

function textOf(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString();
}
