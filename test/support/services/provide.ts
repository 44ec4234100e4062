import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

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
  /** Folder with a folder per version, each with a `bin`, where systems keep the program beside the PATH. */
  readonly versions?: string;
  /** Folders beside the PATH where systems keep the program. */
  readonly folders?: readonly string[];
  /** Other programs without which it does not run. */
  readonly tools?: readonly string[];
  /** Docker image that runs it. Absent: a program of this machine does. */
  readonly image?: string;
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
  postgres: {
    name: 'PostgreSQL',
    urlVariable: 'POSTGRES_URL',
    binary: 'postgres',
    versions: '/usr/lib/postgresql',
    image: 'postgres:17',
    packages: ['postgresql'],
  },
  nats: {
    name: 'NATS',
    urlVariable: 'NATS_URL',
    binary: 'nats-server',
    folders: ['/usr/sbin'],
    image: 'nats:2',
    packages: ['nats-server'],
  },
  rabbitmq: {
    name: 'RabbitMQ',
    urlVariable: 'AMQP_URL',
    binary: 'rabbitmq-server',
    folders: ['/usr/lib/rabbitmq/bin'],
    image: 'rabbitmq:4',
    packages: ['rabbitmq-server'],
  },
  mosquitto: {
    name: 'Mosquitto, an MQTT broker,',
    urlVariable: 'MQTT_URL',
    binary: 'mosquitto',
    folders: ['/usr/sbin'],
    image: 'eclipse-mosquitto:2',
    packages: ['mosquitto'],
  },
  sqs: {
    name: 'ElasticMQ, which speaks the protocol of SQS,',
    urlVariable: 'SQS_ENDPOINT',
    binary: 'java',
    tools: ['mvn'],
    packages: ['default-jre-headless', 'maven'],
  },
  kafka: {
    name: 'Apache Kafka',
    urlVariable: 'KAFKA_BROKERS',
    binary: 'java',
    tools: ['mvn'],
    image: 'apache/kafka:4.1.1',
    packages: ['default-jre-headless', 'maven'],
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
  const path = which(service.binary, service.folders) ?? latestOf(service);
  if (path && (service.tools ?? []).every((tool) => which(tool))) return { kind: 'binary', path };
  if (service.image !== undefined && dockerWorks()) return { kind: 'docker', image: service.image };
  return { kind: 'missing' };
}

/** What to do on a machine where {@link find} has nothing. */
export function howToGet({ name, urlVariable, binary, tools = [], image, packages }: Service): string {
  const programs = [binary, ...tools].join(' and ');
  const docker = image === undefined ? '' : 'start docker, ';
  return (
    `These tests need ${name}. Set ${urlVariable} to the URL of a server, put ${programs} on the PATH, ${docker}` +
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

/** Keep packages from starting services and making databases: the tests have their own, on free ports. */
const POLICIES = [
  { path: '/usr/sbin/policy-rc.d', text: '#!/bin/sh\nexit 101\n' },
  {
    path: '/etc/postgresql-common/createcluster.d/nestjs-durable-events.conf',
    text: 'create_main_cluster = false\n',
  },
];

function aptInstall(packages: readonly string[]): void {
  const ours = POLICIES.filter(({ path }) => !existsSync(path));
  for (const { path, text } of ours) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o755 });
  }
  try {
    aptGet('update', '-qq');
    aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
  } finally {
    for (const { path } of ours) rmSync(path);
  }
}

function aptGet(...args: string[]): void {
  const waitForOthers = ['-o', 'DPkg::Lock::Timeout=120'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', [...waitForOthers, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Path of a program on the PATH, or in one of the folders. */
function which(program: string, folders: readonly string[] = []): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...folders]
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

/** Path of the program in its latest version. */
function latestOf({ binary, versions }: Service): string | undefined {
  if (versions === undefined || !existsSync(versions)) return undefined;
  return readdirSync(versions)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, 'bin', binary))
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
