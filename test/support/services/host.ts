import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a private server runs in: a child process, or a container. It can be started again after it ended. */
export interface Host {
  /** The data folder, as the server sees it. */
  readonly dir: string;
  /** Process id while it runs. */
  readonly pid: number | undefined;
  readonly running: boolean;
  start(args: readonly string[]): Promise<void>;
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when the server has ended; at once when it does not run. */
  ended(): Promise<void>;
  /** What it wrote since its start, for errors. */
  output(): Promise<string>;
  /** Frees all that is left of a server that has ended. */
  remove(): Promise<void>;
}

/** Somebody who runs programs. Only root can choose. */
export interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** Runs a program of this machine in a temporary folder, or in one of the caller's, which then stays. */
export class ProcessHost implements Host {
  readonly dir: string;
  readonly #path: string;
  readonly #ownsDir: boolean;
  readonly #user: User;
  readonly #disarm: () => void;
  #child: ChildProcess | undefined;

  /**
   * @param dir Data folder of the caller's, which stays. Default: a temporary one that goes.
   * @param user Runs the program and owns its temporary folder. Default: whoever runs the tests.
   */
  constructor(path: string, dir?: string, user: User = {}) {
    this.#path = path;
    this.#user = user;
    this.#ownsDir = dir === undefined;
    this.dir = dir ?? mkdtempSync(join(tmpdir(), 'nestjs-durable-events-'));
    if (this.#ownsDir && user.uid !== undefined) chownSync(this.dir, user.uid, user.gid!);
    const removal = this.#ownsDir ? 'rm -rf "$1"' : 'rm -f "$1/pid"';
    this.#disarm = onceThisProcessIsGone(
      `[ -f "$1/pid" ] && kill -9 "$(cat "$1/pid")" 2>/dev/null; ${removal}`,
      this.dir,
    );
  }

  get pid(): number | undefined {
    return this.running ? this.#child!.pid : undefined;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async start(args: readonly string[]): Promise<void> {
    const log = openSync(join(this.dir, 'log'), 'w');
    const child = spawn(this.#path, args, { stdio: ['ignore', log, log], ...this.#user });
    closeSync(log);
    await once(child, 'spawn');
    this.#child = child;
    const pidFile = join(this.dir, 'pid');
    writeFileSync(pidFile, String(child.pid));
    child.once('exit', () => rmSync(pidFile, { force: true }));
    child.unref();
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal);
  }

  async ended(): Promise<void> {
    if (!this.running) return;
    this.#child!.ref();
    await once(this.#child!, 'exit');
  }

  async output(): Promise<string> {
    const log = join(this.dir, 'log');
    return existsSync(log) ? readFileSync(log, 'utf8') : '';
  }

  async remove(): Promise<void> {
    this.#disarm();
    if (this.#ownsDir) rmSync(this.dir, { recursive: true, force: true });
  }
}

const run = promisify(execFile);

/** Runs a docker image on the network of this machine, so that it is told the same addresses as a program. */
export class DockerHost implements Host {
  readonly dir = '/data';
  readonly #image: string;
  readonly #program: string;
  readonly #environment: readonly string[];
  readonly #name = `nestjs-durable-events-${randomUUID()}`;
  readonly #disarm: () => void;
  #pid: number | undefined;
  #exit: Promise<void> = Promise.resolve();

  constructor(image: string, program: string, environment: Readonly<Record<string, string>> = {}) {
    this.#image = image;
    this.#program = program;
    this.#environment = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    this.#disarm = onceThisProcessIsGone('docker rm --force --volumes "$1" >/dev/null 2>&1', this.#name);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get running(): boolean {
    return this.#pid !== undefined;
  }

  async start(args: readonly string[]): Promise<void> {
    const place = ['--name', this.#name, '--network', 'host', ...this.#environment];
    const create = ['create', ...place, this.#image, this.#program, ...args];
    const exists = await run('docker', ['container', 'inspect', this.#name]).then(
      () => true,
      () => false,
    );
    if (!exists) await run('docker', create);
    await run('docker', ['start', this.#name]);
    const { stdout } = await run('docker', ['inspect', '--format', '{{.State.Pid}}', this.#name]);
    this.#pid = Number(stdout);
    this.#exit = run('docker', ['wait', this.#name]).then(() => {
      this.#pid = undefined;
    });
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.running) await run('docker', ['kill', '--signal', signal, this.#name]);
  }

  ended(): Promise<void> {
    return this.#exit;
  }

  async output(): Promise<string> {
    const { stdout, stderr } = await run('docker', ['logs', this.#name]);
    return stdout + stderr;
  }

  async remove(): Promise<void> {
    this.#disarm();
    await run('docker', ['rm', '--force', '--volumes', this.#name]);
  }
}

/**
 * Leaves a shell behind that runs `script` with `argument` as `$1` when this process is gone, killed ones included:
 * its standard input ends then.
 *
 * @returns Calls it off.
 */
function onceThisProcessIsGone(script: string, argument: string): () => void {
  const shell = spawn('sh', ['-c', `read -r _; ${script}`, 'sh', argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  (shell.stdin as Socket).unref();
  return () => shell.kill('SIGKILL');
}
