import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import {
  addSettings,
  createConsumer,
  pack,
  type PackedPackage,
  temporaryFolder,
} from '../package/consumer.js';
import { assertBuilt, packageRoot } from '../support/built-package.js';
import { compile } from './compile.js';

/*
 * Every block of TypeScript in the documents compiles, as part of an application that has the package installed. A
 * block whose first line is a comment with a file name, such as `// src/main.ts`, can be imported by the others of its
 * document. Only a block marked as `ts fragment` is left out.
 */

jest.setTimeout(120_000);

const documents = [
  'README.md',
  ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
].filter((file) => blocks(file).length > 0);

let work: ReturnType<typeof temporaryFolder>;
let packed: PackedPackage;

beforeAll(() => {
  assertBuilt();
  work = temporaryFolder();
  packed = pack(work.path);
});

afterAll(() => work.remove());

it.each(documents)('the examples in %s compile', (file) => {
  const peers = [
    '@aws-sdk/client-sqs',
    'amqplib',
    'bullmq',
    'ioredis',
    '@nestjs/microservices',
    'pg',
    '@types/pg',
    'typeorm',
    'zod',
    'valibot',
    'arktype',
    'class-validator',
    '@nestjs/testing',
    '@jest/globals',
  ];
  const folder = createConsumer(work.path, packed, { nest: 12, type: 'module', peers });
  addSettings(folder, { module: 'nodenext', noEmit: true, skipLibCheck: true });
  blocks(file).forEach((code, index) => {
    const name =
      /^\/\/ (\S+\.ts)$/m.exec(code.split('\n', 1)[0]!)?.[1] ?? `${basename(file)}-${index + 1}.ts`;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${code}\nexport {};\n`);
  });
  expect(compile('typescript', folder)).toEqual([]);
});

function blocks(file: string): string[] {
  const text = readFileSync(join(packageRoot, file), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!);
}
