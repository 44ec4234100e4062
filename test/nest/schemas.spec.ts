import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  defineEvent,
  type Event,
  EventBus,
  EventsModule,
  type EventsModuleOptions,
  fields,
  OnEvent,
  SchemaRegistry,
} from 'nestjs-durable-events';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { waitFor } from '../support/wait-for.js';

jest.setTimeout(60_000);

const RenamedV1 = defineEvent('user.renamed', { schema: fields({ name: 'string' }) });
const Renamed = defineEvent('user.renamed', {
  version: 2,
  schema: fields({ first: 'string', last: 'string' }),
  upcast: {
    1: ({ name }: { name: string }) => ({ first: name.split(' ')[0]!, last: name.split(' ')[1]! }),
  },
});

@Injectable()
class Profile {
  readonly seen: unknown[] = [];

  @OnEvent('user.renamed', { id: 'profile' })
  rename({ version, data }: Event): void {
    this.seen.push([version, data]);
  }
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'schemas-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function boot(options: Omit<EventsModuleOptions, 'backend'>, providers: (typeof Profile)[]) {
  const backend = new SqliteBackend({ connection: join(folder, 'events.db'), group: 'users' });
  const module = await Test.createTestingModule({
    imports: [EventsModule.forRoot({ backend, ...options })],
    providers,
  }).compile();
  return module.createNestApplication().init();
}

describe('an application that was upgraded', () => {
  it('gives handlers what its backend kept of the old version in the present form', async () => {
    const old = await boot({ schemas: [RenamedV1], autoStart: false }, [Profile]);
    await old.get(EventBus).emitAsync(RenamedV1, { name: 'Ada Lovelace' });
    await old.close();
    const upgraded = await boot({ schemas: new SchemaRegistry().register(RenamedV1, Renamed) }, [Profile]);
    try {
      const { seen } = upgraded.get(Profile);
      await waitFor(() => seen.length > 0, { timeoutMs: 30_000 });
      expect(seen).toEqual([[2, { first: 'Ada', last: 'Lovelace' }]]);
    } finally {
      await upgraded.close();
    }
  });

  it('does not boot with a hole between its versions', async () => {
    const Forgetful = defineEvent('user.renamed', {
      version: 2,
      schema: fields({ first: 'string', last: 'string' }),
    });
    await expect(async () => boot({ schemas: [RenamedV1, Forgetful] }, [Profile])).rejects.toThrow(
      "Event 'user.renamed' is at version 2 and has no upcasters, but data of version 1 does not fit it: 'first' is required",
    );
  });
});
