import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../settings.js';
import { Journal } from '../storage/journal.js';

interface Counted {
  readonly id: string;
  readonly domain: string;
}

/** Counts sign-ups by the domain of their mail address. */
@Injectable()
export class Analytics implements OnModuleInit {
  readonly #journal: Journal<Counted>;

  constructor({ dataDir }: Settings) {
    this.#journal = new Journal(join(dataDir, 'analytics.jsonl'));
  }

  async onModuleInit(): Promise<void> {
    await this.#journal.open();
  }

  /** Counts a sign-up once, however often it is called with the same id. */
  async count(id: string, email: string): Promise<void> {
    await this.#journal.append({ id, domain: email.slice(email.lastIndexOf('@') + 1) });
  }

  /** Domain by sign-up id. */
  async counted(): Promise<ReadonlyMap<string, Counted>> {
    return this.#journal.entries();
  }
}
