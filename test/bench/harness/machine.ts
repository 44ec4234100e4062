import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const COMPARED = [
  '@nestjs/core',
  '@nestjs/event-emitter',
  '@nestjs/microservices',
  'fastq',
  'p-queue',
  'ioredis',
  'bullmq',
  'libsql',
  'pg',
  'pg-boss',
  'pg-copy-streams',
  '@event-driven-io/emmett-postgresql',
  '@nats-io/transport-node',
  'amqplib',
  '@platformatic/kafka',
  'kafkajs',
  '@aws-sdk/client-sqs',
];

/** What the figures depend on besides the code. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly at: string;
}

export function machine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    versions: {
      ...Object.fromEntries(COMPARED.map((name) => [name, versionOf(name)])),
      'redis-server': redisVersion(),
    },
    at: new Date().toISOString(),
  };
}

/** Processes that ran or wanted to run, on average over the last minute. */
export function load(): number {
  return loadavg()[0]!;
}

/** Which part of the machine others keep busy, 0 to 1: to be asked when nothing of ours runs. */
export async function busyWithOthers(): Promise<number> {
  const before = ticks();
  await sleep(150);
  const after = ticks();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

function ticks(): { idle: number; all: number } {
  const times = cpus().map((cpu) => cpu.times);
  return {
    idle: times.reduce((sum, each) => sum + each.idle, 0),
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
  };
}

/** Read as a file, because a package may not export its package.json. */
function versionOf(name: string): string {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  for (const folder of folders) {
    try {
      const text = readFileSync(`${folder}/${name}/package.json`, 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'not installed';
}

function redisVersion(): string {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return /v=(\S+)/.exec(stdout ?? '')?.[1] ?? 'not on the PATH';
}
