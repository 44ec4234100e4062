import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../support/built-package.js';
import { waitFor } from '../support/wait-for.js';

const sample = join(packageRoot, 'sample/01-signup');

/** As `npm start` does. */
export function buildSample(): void {
  execFileSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build', '01-signup'], {
    cwd: packageRoot,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** The built sample in a process of its own. */
export class SampleProcess {
  output = '';
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], environment: Record<string, string>) {
    this.#child = spawn(process.execPath, [join(sample, 'dist/main.js'), ...args], {
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
  until(pattern: RegExp): Promise<string> {
    const message = () => `${pattern} in the output:\n${this.output}`;
    return waitFor(() => pattern.exec(this.output)?.[0], { timeoutMs: 15_000, message });
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
    return names.map((name) => name.replace('.eml', '')).sort();
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
