import { CheckpointLostError } from '../../errors.js';
import type { Checkpoint, CheckpointLease, CheckpointStore, NamedCheckpoint } from '../checkpoint-store.js';

interface Entry {
  /** JSON of what was saved. */
  saved: string | undefined;
  savedAt: Date;
  holder: object | undefined;
  heldUntil: number;
}

/** Checkpoints for as long as the process lives. */
export class MemoryCheckpoints implements CheckpointStore {
  readonly #entries = new Map<string, Entry>();

  async acquire(name: string, leaseMs: number): Promise<CheckpointLease | undefined> {
    const entry = this.#entries.get(name) ?? newEntry();
    if (isHeld(entry)) return undefined;
    this.#entries.set(name, entry);
    const holder = (entry.holder = {});
    entry.heldUntil = Date.now() + leaseMs;
    const own = (): Entry => {
      const now = this.#entries.get(name);
      if (now?.holder !== holder) throw new CheckpointLostError(name);
      now.heldUntil = Date.now() + leaseMs;
      return now;
    };
    return {
      name,
      checkpoint: parsed(entry) ?? {},
      save: async (checkpoint) => {
        const { position, data } = checkpoint;
        Object.assign(own(), { saved: JSON.stringify({ position, data }), savedAt: new Date() });
      },
      renew: async () => void own(),
      release: async () => {
        if (entry.holder === holder) entry.holder = undefined;
      },
    };
  }

  async read(name: string): Promise<Checkpoint | undefined> {
    return parsed(this.#entries.get(name));
  }

  async list(prefix = ''): Promise<NamedCheckpoint[]> {
    return [...this.#entries]
      .filter(([name, { saved }]) => saved !== undefined && name.startsWith(prefix))
      .map(([name, entry]) => ({ name, ...parsed(entry), savedAt: entry.savedAt, held: isHeld(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string): Promise<void> {
    this.#entries.delete(name);
  }
}

function newEntry(): Entry {
  return { saved: undefined, savedAt: new Date(0), holder: undefined, heldUntil: 0 };
}

function parsed(entry: Entry | undefined): Checkpoint | undefined {
  return entry?.saved === undefined ? undefined : (JSON.parse(entry.saved) as Checkpoint);
}

function isHeld({ holder, heldUntil }: Entry): boolean {
  return holder !== undefined && heldUntil > Date.now();
}
