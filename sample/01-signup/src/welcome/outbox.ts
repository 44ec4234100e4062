import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../settings.js';
import { writeWhole } from '../storage/files.js';
import { type Mail, toEml } from './eml.js';

const EXTENSION = '.eml';

/** A folder of mail to be sent. */
@Injectable()
export class Outbox implements OnModuleInit {
  readonly #folder: string;

  constructor({ dataDir }: Settings) {
    this.#folder = join(dataDir, 'outbox');
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
  }

  /** A mail of the same name is replaced, so writing it twice sends it once. */
  async put(name: string, mail: Mail): Promise<void> {
    await writeWhole(join(this.#folder, name + EXTENSION), toEml(mail));
  }

  /** Names of the mails in it. */
  async names(): Promise<ReadonlySet<string>> {
    const files = await readdir(this.#folder);
    return new Set(
      files.filter((file) => file.endsWith(EXTENSION)).map((file) => file.slice(0, -EXTENSION.length)),
    );
  }
}
