import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../settings.js';
import { createWhole } from '../storage/files.js';

export interface Account {
  /** Id of the `after:signup` event, too. Sorts by time. */
  readonly id: string;
  readonly username: string;
  readonly name: string;
  readonly email: string;
  readonly createdAt: string;
}

const EXTENSION = '.json';

/** A file per account, named after the user: the file system sees to it that a name is given once. */
@Injectable()
export class Accounts implements OnModuleInit {
  readonly #folder: string;

  constructor({ dataDir }: Settings) {
    this.#folder = join(dataDir, 'accounts');
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
  }

  /** @returns `false` when somebody has the name. */
  claim(account: Account): Promise<boolean> {
    return createWhole(this.#path(account.username), `${JSON.stringify(account, undefined, 2)}\n`);
  }

  /** Gives the name back. */
  async release(username: string): Promise<void> {
    await rm(this.#path(username), { force: true });
  }

  /** All accounts, newest first. */
  async list(): Promise<Account[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(EXTENSION));
    const texts = await Promise.all(names.map((name) => readFile(join(this.#folder, name), 'utf8')));
    return texts.map((text) => JSON.parse(text) as Account).sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  #path(username: string): string {
    return join(this.#folder, username + EXTENSION);
  }
}
