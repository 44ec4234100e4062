import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addSettings, createConsumer, pack, runNode, temporaryFolder } from '../package/consumer.js';
import { assertBuilt, packageRoot } from '../support/built-package.js';
import { compile } from '../types/compile.js';

const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8');

describe('the first example of the README', () => {
  let work: ReturnType<typeof temporaryFolder>;
  beforeAll(() => {
    assertBuilt();
    work = temporaryFolder();
  });
  afterAll(() => work.remove());

  it('runs in an application that has the package installed, and welcomes Ada', () => {
    const peers = ['zod', '@nestjs/platform-express'];
    const folder = createConsumer(work.path, pack(work.path), { nest: 12, type: 'module', peers });
    addSettings(folder, { module: 'nodenext', skipLibCheck: true });
    const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(read('README.md')) ?? [];
    writeFileSync(join(folder, 'main.ts'), code);
    expect(compile('typescript', folder)).toEqual([]);
    expect(runNode(folder, ['out/main.js'])).toMatch(/^Welcome, ada@example\.org!$/m);
  }, 60_000);
});

describe('links', () => {
  const documents = [
    'README.md',
    'sample/01-signup/README.md',
    'sample/02-backends/README.md',
    'sample/03-event-sourcing/README.md',
    'test/bench/README.md',
    ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => join('docs', file)),
  ];

  it.each(documents)('of %s lead somewhere', (document) => {
    const targets = [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target!);
    const missing = targets.filter((target) => !existsSync(join(packageRoot, dirname(document), target)));
    expect(missing).toEqual([]);
  });
});
