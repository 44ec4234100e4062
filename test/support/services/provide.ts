import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/*
 * Where the servers come from that tests need. Jest loads this file by itself before it knows how to find others, to
 * run its default export: so it imports nothing but Node's own modules.
 */

/** A server that tests need, and the ways to get one. */
export interface Service {
  /** Its name in messages. */
  readonly name: string;
  /** Environment variable with the URL of a server to use instead of a private one. */
  readonly urlVariable: string;
  /** Program that runs it. */
  readonly binary: string;
  /** Docker image that runs it. */
  readonly image: string;
  /** Debian packages that contain the program. */
  readonly packages: readonly string[];
}

export const services = {
  redis: {
    name: 'Redis',
    urlVariable: 'REDIS_URL',
    binary: 'redis-server',
    image: 'redis:7',
    packages: ['redis-server'],
  },
} satisfies Record<string, Service>;

export type Found =
  /** Somebody's server: tests may use it, but not stop it. */
  | { readonly kind: 'external'; readonly url: string }
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'docker'; readonly image: string }
  | { readonly kind: 'missing' };

/** Where this machine has the service: at the given URL, else as a program, else through docker. */
export function find(service: Service): Found {
  const url = process.env[service.urlVariable];
  if (url) return { kind: 'external', url };
  const path = which(service.binary);
  if (path) return { kind: 'binary', path };
  if (dockerWorks()) return { kind: 'docker', image: service.image };
  return { kind: 'missing' };
}

/** What to do on a machine where {@link find} has nothing. */
export function howToGet({ name, urlVariable, binary, packages }: Service): string {
  return (
    `These tests need ${name}. Set ${urlVariable} to the URL of a server, put ${binary} on the PATH, start docker, ` +
    `or run the tests as root on a Debian-like system, where they install ${packages.join(' and ')} with apt-get.`
  );
}

/**
 * Runs once before all tests: installs what this machine lacks and can install. What it cannot install does not keep
 * other tests from running; those that need it fail with the ways to provide it.
 */
export default function installMissingServices(): void {
  const missing = Object.values(services).filter((service) => find(service).kind === 'missing');
  if (missing.length === 0 || process.getuid?.() !== 0 || !which('apt-get')) return;
  const packages = missing.flatMap((service) => service.packages);
  process.stdout.write(`Installing ${packages.join(', ')} with apt-get for the tests.\n`);
  aptInstall(packages);
}

const START_POLICY = '/usr/sbin/policy-rc.d';

/** Without starting the services in the packages: the tests start their own, on free ports. */
function aptInstall(packages: readonly string[]): void {
  const ownPolicy = !existsSync(START_POLICY);
  if (ownPolicy) writeFileSync(START_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet('update', '-qq');
    aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
  } finally {
    if (ownPolicy) rmSync(START_POLICY);
  }
}

function aptGet(...args: string[]): void {
  const waitForOthers = ['-o', 'DPkg::Lock::Timeout=120'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', [...waitForOthers, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Path of a program on the PATH. */
function which(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The client alone is not enough: `docker info` fails where there is no engine. */
function dockerWorks(): boolean {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
