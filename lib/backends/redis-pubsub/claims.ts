import { createHash, randomUUID } from 'node:crypto';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { script } from '../../clients/redis/script.js';
import type { TimedCalls } from '../../clients/redis/timed-calls.js';
import { Batcher } from '../../batcher.js';

/** Claims of one call, so that none holds up Redis for long. */
const MAX_CLAIMS = 100;

/** A claim that was sent a second time, because its first answer was lost, still belongs to who made it. */
const CLAIM = script(`
local won = {}
for i, key in ipairs(KEYS) do
  if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then won[i] = 1
  elseif redis.call('GET', key) == ARGV[1] then won[i] = 1
  else won[i] = 0 end
end
return won
`);

/** Settles which process of a service has an event. Claims of one turn of the event loop share a round trip. */
export class Claims {
  readonly #owner = randomUUID();
  readonly #batcher: Batcher<string, boolean>;

  /** @param prefix Of the keys. @param claimMs Milliseconds that a claim lasts. */
  constructor(
    connection: RedisConnection,
    calls: TimedCalls,
    private readonly prefix: string,
    claimMs: number,
  ) {
    this.#batcher = new Batcher(async (keys) => {
      const won = await calls.run(() => connection.run(CLAIM, keys, [this.#owner, claimMs]), 'a claim');
      return (won as number[]).map((each) => each === 1);
    }, MAX_CLAIMS);
  }

  /** Whether any claim is under way. */
  get busy(): boolean {
    return this.#batcher.busy;
  }

  /** Resolves with whether the event is this process's. @throws {EventPublishError} when Redis does not tell. */
  claim(publication: string): Promise<boolean> {
    // What others wrote may be long, or whatever else.
    const name =
      publication.length <= 100 ? publication : createHash('sha256').update(publication).digest('hex');
    return this.#batcher.add(`${this.prefix}${name}`);
  }

  /** Resolves when no claim is under way. */
  settled(): Promise<void> {
    return this.#batcher.flushed();
  }
}
