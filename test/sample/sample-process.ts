import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../support/built-package.js';
import { waitFor } from '../support/wait-for.js';

/** The samples, and what to start once they are built. */
const MAIN = {
  '01-signup': 'sample/01-signup/dist/main.js',
  '02-backends': 'sample/02-backends/dist/02-backends/src/main.js',
  '03-event-sourcing': 'sample/03-event-sourcing/dist/main.js',
};

export type Sample = keyof typeof MAIN;

/** As the scripts that start the samples do. */
export function buildSample(sample: Sample): void {
  execFileSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build', sample], {
    cwd: packageRoot,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A built sample in a process of its own. */
export class SampleProcess {
  output = '';
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(sample: Sample, args: readonly string[], environment: Record<string, string>) {
    this.#child = spawn(process.execPath, [join(packageRoot, MAIN[sample]), ...args], {
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        SIGNUPS_PER_MINUTE: '1000000',
        CRM_LATENCY_MS: '1',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** Where it serves, once it does. */
  async url(): Promise<string> {
    return this.until(/http:\/\/localhost:\d+/);
  }

  /** The first match in what it writes. */
  until(pattern: RegExp, timeoutMs = 15_000): Promise<string> {
    const message = () => `${pattern} in the output:\n${this.output}`;
    return waitFor(() => pattern.exec(this.output)?.[0], { timeoutMs, message });
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** Ends it whatever it does, so that a failed test leaves nothing behind. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** A folder for what the sample writes. */
export class DataFolder {
  private constructor(readonly path: string) {}

  static async make(): Promise<DataFolder> {
    return new DataFolder(await mkdtemp(join(tmpdir(), 'signup-')));
  }

  /** Usernames with a mail in the outbox. */
  async mailed(): Promise<string[]> {
    const names = await readdir(join(this.path, 'outbox'));
    // A process that was killed may have left one half written, under another name.
    const mails = names.filter((name) => name.endsWith('.eml'));
    return mails.map((name) => name.replace('.eml', '')).sort();
  }

  /** Distinct sign-ups in a journal. */
  async recorded(journal: 'analytics' | 'crm'): Promise<number> {
    const text = await readFile(join(this.path, `${journal}.jsonl`), 'utf8');
    const entries = text.split('\n').filter((line) => line !== '');
    return new Set(entries.map((line) => (JSON.parse(line) as { id: string }).id)).size;
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** Signs up one after the other on one connection, until the server takes no more. Resolves with who was accepted. */
export async function signUpUntilRefused(url: string, prefix: string): Promise<string[]> {
  const accepted: string[] = [];
  for (let i = 0; ; i++) {
    const username = `${prefix}-${i}`;
    try {
      const response = await postSignup(url, username);
      await response.arrayBuffer();
      if (response.status === 202) accepted.push(username);
    } catch {
      return accepted;
    }
  }
}

function postSignup(url: string, username: string): Promise<Response> {
  return fetch(`${url}/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, name: 'Ada Lovelace', email: `${username}@example.org` }),
  });
}
