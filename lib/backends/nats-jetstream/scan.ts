import type { Msg } from '@nats-io/transport-node';
import { NoRespondersError } from '../../clients/nats/requests.js';
import type { Link } from './link.js';
import { type Place, placeOf } from './message.js';

/** The server forgets a reader that ended in the middle. */
const FORGET_MS = 10_000;
/** From one message to the next. */
const PATIENCE_MS = 5000;
const NANOS = 1_000_000;
const BATCH = 1000;
const ACK_PREFIX = '$JS.ACK.';

/**
 * Reads the headers of all messages of a subject that are there now, in the order of the stream.
 *
 * @param read What to keep of a message: all of it would be a lot to hold.
 * @param upTo The last message to read, by its place in the stream. Default: all that are there.
 */
export async function scan<T>(
  link: Pick<Link, 'nc' | 'jsm' | 'inbox'>,
  stream: string,
  subject: string,
  read: (message: Msg, place: Place) => T,
  upTo = Infinity,
): Promise<T[]> {
  const { jsm } = link;
  const { name, num_pending: total } = await jsm.consumers.add(stream, {
    filter_subject: subject,
    ack_policy: 'none',
    deliver_policy: 'all',
    headers_only: true,
    inactive_threshold: FORGET_MS * NANOS,
    mem_storage: true,
  });
  try {
    return total === 0 ? [] : await readAll(link, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, read, upTo);
  } finally {
    await jsm.consumers.delete(stream, name);
  }
}

/** Asks for batch after batch until no message is left: the client's own iterators take several times as long. */
function readAll<T>(
  { nc, inbox }: Pick<Link, 'nc' | 'inbox'>,
  next: string,
  read: (message: Msg, place: Place) => T,
  upTo: number,
): Promise<T[]> {
  const reply = `${inbox}.scan.${(scans++).toString(36)}`;
  const found: T[] = [];
  let asked = 0;
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => end(new Error('NATS stopped answering')), PATIENCE_MS);
    const end = (error?: Error) => {
      clearTimeout(patience);
      subscription.unsubscribe();
      if (error === undefined) resolve(found);
      else reject(error);
    };
    const ask = () => {
      asked += BATCH;
      nc.publish(next, JSON.stringify({ batch: BATCH, no_wait: true }), { reply });
    };
    const subscription = nc.subscribe(reply, {
      callback: (_, message) => {
        patience.refresh();
        if (message.reply?.startsWith(ACK_PREFIX)) {
          const place = placeOf(message);
          if (place.sequence > upTo) return end();
          found.push(read(message, place));
          // What was there may be deleted in the meantime, so that nothing but the server's word is an end.
          if (place.pending === 0) end();
          else if (found.length === asked - BATCH / 2) ask();
          return;
        }
        const { code = 0, description = '' } = message.headers ?? {};
        if (code === 404 || code === 408) end();
        else if (code === 503) end(new NoRespondersError(next));
        else end(new Error(`NATS said '${code} ${description}' when asked for messages`));
      },
    });
    ask();
  });
}

let scans = 0;
