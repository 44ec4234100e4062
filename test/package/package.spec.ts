import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { assertBuilt, packageRoot } from '../support/built-package.js';
import { startRedis } from '../support/services/redis.js';
import { compile } from '../types/compile.js';
import {
  addApplication,
  addSettings,
  createConsumer,
  pack,
  type PackedPackage,
  runNode,
  temporaryFolder,
} from './consumer.js';

jest.setTimeout(120_000);

let work: ReturnType<typeof temporaryFolder>;
let packed: PackedPackage;

beforeAll(() => {
  assertBuilt();
  work = temporaryFolder();
  packed = pack(work.path);
});

afterAll(() => work.remove());

const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
  bin: Record<string, string>;
};
const entries = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => entry.replace('.', 'nestjs-durable-events'));

it('contains the build, the documents of the package and nothing else', () => {
  const others = packed.files.filter((file) => !/^dist\/.+\.(js|d\.ts)$/.test(file));
  expect(others.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
});

it('has a command, which needs no driver to print SQL', () => {
  const folder = createConsumer(work.path, packed, { nest: 12, type: 'module' });
  const command = join('node_modules/nestjs-durable-events', manifest.bin['nestjs-durable-events']!);
  expect(readFileSync(join(folder, command), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(runNode(folder, [command, 'sql', '--tables', 'inbox'])).toContain('CREATE TABLE IF NOT EXISTS');
});

describe.each([11, 12] as const)('with Nest %i', (nest) => {
  it.each(entries)('gives import and require one and the same %s', (entry) => {
    const folder = createConsumer(work.path, packed, {
      nest,
      type: 'commonjs',
      peers: ['ioredis', '@nestjs/microservices'],
    });
    const script = `
      const required = require('${entry}');
      import('${entry}').then((imported) => {
        const names = Object.keys(imported).filter((name) => name !== 'module.exports');
        console.log(names.length > 0 && names.every((name) => imported[name] === required[name]));
      });`;
    expect(runNode(folder, ['--eval', script])).toBe('true\n');
  });

  it('names the package to install where ioredis is missing, on publishing and on boot', () => {
    const folder = createConsumer(work.path, packed, { nest, type: 'module' });
    const script = `
      import { Module } from '@nestjs/common';
      import { NestFactory } from '@nestjs/core';
      import { createEvent, EventsModule } from 'nestjs-durable-events';
      import { RedisStreamsBackend } from 'nestjs-durable-events/redis';

      const backend = new RedisStreamsBackend({ connection: 'redis://127.0.0.1:1', group: 'app' });
      const show = (error) => console.log(error.code, error.message);
      await backend.publish(createEvent('order.placed', {})).catch(show);
      await backend.close();

      class Application {}
      Module({ imports: [EventsModule.forRoot(new RedisStreamsBackend({ connection: 'redis://127.0.0.1:1' }))] })(Application);
      await NestFactory.createApplicationContext(Application, { logger: false, abortOnError: false }).catch(show);`;
    const output = runNode(folder, ['--input-type=module', '--eval', script]);
    expect(output).toMatch(/^(EVENT_CONFIGURATION .*npm install ioredis.*\n){2}$/);
  });

  it('names the package to install where bullmq is missing', () => {
    const folder = createConsumer(work.path, packed, { nest, type: 'module', peers: ['ioredis'] });
    const script = `
      import { createEvent } from 'nestjs-durable-events';
      import { BullMQBackend } from 'nestjs-durable-events/bullmq';

      const backend = new BullMQBackend({ connection: 'redis://127.0.0.1:1', group: 'app' });
      const show = (error) => console.log(error.code, error.message);
      await backend.publish(createEvent('order.placed', {})).catch(show);
      await backend.subscribe(() => undefined).catch(show);
      await backend.close();`;
    const output = runNode(folder, ['--input-type=module', '--eval', script]);
    expect(output).toMatch(/^(EVENT_CONFIGURATION .*npm install bullmq ioredis\n){2}$/);
  });

  it('names the package to install where pg is missing', () => {
    const folder = createConsumer(work.path, packed, { nest, type: 'module' });
    const script = `
      import { PostgresDeadLetterStore, PostgresInbox } from 'nestjs-durable-events/postgres';

      const connection = 'postgresql://user:secret@127.0.0.1:1/database';
      for (const Store of [PostgresDeadLetterStore, PostgresInbox]) {
        const store = new Store({ connection });
        await store.open('app').catch((error) => console.log(error.code, error.message));
        await store.close();
      }`;
    const output = runNode(folder, ['--input-type=module', '--eval', script]);
    expect(output).toMatch(/^(EVENT_CONFIGURATION .*npm install pg\n){2}$/);
  });
});

const NODE10 = { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: true };

describe.each([
  { nest: 11, type: 'commonjs', compiler: 'typescript-5.9', settings: NODE10 },
  { nest: 11, type: 'commonjs', compiler: 'typescript', settings: { ...NODE10, ignoreDeprecations: '6.0' } },
  { nest: 11, type: 'module', compiler: 'typescript-5.9', settings: { module: 'nodenext' } },
  { nest: 12, type: 'module', compiler: 'typescript', settings: { module: 'nodenext' } },
  { nest: 12, type: 'commonjs', compiler: 'typescript-7', settings: { module: 'nodenext' } },
  {
    nest: 12,
    type: 'module',
    compiler: 'typescript-7',
    settings: { module: 'esnext', moduleResolution: 'bundler' },
  },
] as const)('an application on Nest $nest, $type, compiled by $compiler with $settings', (target) => {
  it('compiles, handles its events in memory and from Redis, and exits', async () => {
    const folder = createConsumer(work.path, packed, { ...target, peers: ['ioredis'] });
    addApplication(folder);
    addSettings(folder, target.settings);
    expect(compile(target.compiler, folder)).toEqual([]);

    const output = 'sync-ada@example.org async-ada@example.org recording\n';
    expect(runNode(folder, ['out/main.js'])).toBe(output);
    const redis = await startRedis();
    try {
      expect(runNode(folder, ['out/main.js'], { APP_REDIS_URL: redis.url })).toBe(output);
    } finally {
      await redis.stop();
    }
  });
});
