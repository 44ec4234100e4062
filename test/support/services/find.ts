import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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

export type Found =
  /** Somebody's server: tests may use it, but not stop it. */
  | { readonly kind: 'external'; readonly url: string }
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'docker'; readonly image: string }
  | { readonly kind: 'missing' };

/** Where this machine can get the service from: the given URL, else the program, else docker. */
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
    `or run the tests as root on a Debian-like system, where they install ${packages.join(' and ')} by apt-get.`
  );
}

/** Path of a program on the PATH. */
export function which(program: string): string | undefined {
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
