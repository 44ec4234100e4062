import type { Redis } from 'ioredis';

/**
 * Has a client do once what it does when a connection is lost between a script and its answer: send it again.
 *
 * @param meant Which script, by its arguments and what it answered. Default: the next.
 * @returns Whether it has happened.
 */
export function loseTheAnswer(
  client: Redis,
  meant: (args: readonly unknown[], answer: unknown) => boolean = () => true,
): () => boolean {
  const send = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
  let lost = false;
  client.evalsha = async (...args: unknown[]) => {
    const answer = await send(...args);
    if (lost || !meant(args, answer)) return answer;
    lost = true;
    return send(...args);
  };
  return () => lost;
}
