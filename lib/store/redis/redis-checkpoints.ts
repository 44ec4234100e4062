import { randomUUID } from 'node:crypto';
import { CheckpointLostError, EventConfigurationError } from '../../errors.js';
import type { Checkpoint, CheckpointLease, CheckpointStore, NamedCheckpoint } from '../checkpoint-store.js';
import type { Calls } from './calls.js';
import type { StoreKeys } from './keys.js';
import { USER } from './options.js';
import { ACQUIRE, NAMES, READ, RELEASE, REMOVE, RENEW, SAVE } from './scripts/checkpoints.js';

/** Checkpoints of one call. */
const MAX_CALL = 500;

type Stored = readonly [
  savedAt: string | null,
  position: string | null,
  data: string | null,
  held: number | string,
];

/** Checkpoints in Redis, in the keys of the store. Leases go by the clock of the server. */
export class RedisCheckpoints implements CheckpointStore {
  constructor(
    private readonly calls: Calls,
    private readonly keys: StoreKeys,
  ) {}

  async acquire(name: string, leaseMs: number): Promise<CheckpointLease | undefined> {
    const token = randomUUID();
    const key = this.keys.checkpoint(name);
    const stored = (await this.calls.run(ACQUIRE, [key], [token, Math.ceil(leaseMs)])) as
      [position: string | null, data: string | null] | null;
    if (stored === null) return undefined;
    const own = async (reply: Promise<unknown>): Promise<void> => {
      if (Number(await reply) === 0) throw new CheckpointLostError(name);
    };
    return {
      name,
      checkpoint: checkpointOf(...stored),
      save: async ({ position = '', data }, transaction) => {
        if (transaction !== undefined) throw noTransaction();
        const json = data === undefined ? '' : JSON.stringify(data);
        const args = [token, Math.ceil(leaseMs), name, position, json];
        await own(this.calls.run(SAVE, [key, this.keys.checkpoints], args));
      },
      renew: () => own(this.calls.run(RENEW, [key], [token, Math.ceil(leaseMs)])),
      release: async () => void (await this.calls.run(RELEASE, [key], [token])),
    };
  }

  async read(name: string): Promise<Checkpoint | undefined> {
    const [[savedAt, position, data]] = await this.#stored([name]);
    return savedAt === null ? undefined : checkpointOf(position, data);
  }

  async list(prefix = ''): Promise<NamedCheckpoint[]> {
    const names = (await this.calls.run(NAMES, [this.keys.checkpoints], [prefix])) as string[];
    const checkpoints: NamedCheckpoint[] = [];
    for (let i = 0; i < names.length; i += MAX_CALL) {
      const some = names.slice(i, i + MAX_CALL);
      (await this.#stored(some)).forEach(([savedAt, position, data, held], at) => {
        if (savedAt === null) return; // removed meanwhile
        const facts = { savedAt: new Date(Number(savedAt)), held: Number(held) === 1 };
        checkpoints.push({ name: some[at]!, ...checkpointOf(position, data), ...facts });
      });
    }
    return checkpoints.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    await this.calls.run(REMOVE, [this.keys.checkpoint(name), this.keys.checkpoints], [name]);
  }

  async #stored(names: readonly string[]): Promise<[Stored, ...Stored[]]> {
    const keys = names.map((name) => this.keys.checkpoint(name));
    return (await this.calls.run(READ, keys, [])) as [Stored, ...Stored[]];
  }
}

function checkpointOf(position: string | null, data: string | null): Checkpoint {
  return { ...(position && { position }), ...(data && { data: JSON.parse(data) as unknown }) };
}

function noTransaction(): EventConfigurationError {
  return new EventConfigurationError(
    `A checkpoint of ${USER} was to be saved in a transaction, which it cannot be part of. Leave it out, or use PostgresEventStore.`,
  );
}
