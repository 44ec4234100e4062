import { describe, expect, it } from '@jest/globals';
import { EventConfigurationError } from 'nestjs-durable-events';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { openDriver } from '../../lib/backends/sqlite/driver.js';
import { waitFor } from '../support/wait-for.js';
import { useFile } from './use-file.js';

describe('SQLite: options', () => {
  const scene = useFile();

  it.each([
    [{ connection: '' }, "Option 'connection' of SqliteBackend is ''. Set it to the path of a file"],
    [{ namespace: 'a-b' }, "Option 'namespace' of SqliteBackend is 'a-b'. Set it to letters, digits and _."],
    [{ group: '' }, "Option 'group' of SqliteBackend is ''"],
    [
      { concurrency: 0 },
      "Option 'concurrency' of SqliteBackend is 0. Set it to a whole number of at least 1.",
    ],
    [{ leaseMs: 99 }, "Option 'leaseMs' of SqliteBackend is 99. Set it to a whole number of at least 100."],
    [
      { synchronous: 'OFF' as never },
      "Option 'synchronous' of SqliteBackend is 'OFF'. Set it to 'NORMAL' or 'FULL'.",
    ],
  ])('refuses %j by name', (options, message) => {
    const make = () => new SqliteBackend({ connection: 'x.db', ...options });
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(message);
  });

  it('keeps namespaces of one file apart', async () => {
    const one = scene().bus({ namespace: 'one' });
    const two = scene().bus({ namespace: 'two' });
    const handled: unknown[] = [];
    one.on('x', ({ data }) => void handled.push(data));
    await one.start();
    await two.emitAsync('x', 'two');
    await one.emitAsync('x', 'one');
    await waitFor(() => handled.length === 1);
    await one.idle({ timeoutMs: 5000 });
    expect(handled).toEqual(['one']);
  });

  it('shares a database of the application, and leaves it open', async () => {
    const database = await openDriver(scene().path);
    database.exec('CREATE TABLE mine (id INTEGER)');
    const bus = scene().bus({ connection: database });
    let handled = 0;
    bus.on('x', () => void handled++);
    await bus.start();
    await bus.emitAsync('x');
    await waitFor(() => handled === 1);
    await bus.close();
    expect(database.prepare('SELECT count(*) AS n FROM mine').all()).toEqual([{ n: 0 }]);
    database.close();
  });

  it('says that the file cannot be opened', async () => {
    const bus = scene().bus({ connection: '/does/not/exist/events.db' });
    await expect(bus.start()).rejects.toThrow(/could not start to consume/);
    await expect(bus.emitAsync('x')).rejects.toThrow(/SqliteBackend did not store the event/);
    expect((await bus.health()).status).toBe('down');
  });

  it('waits for the disk with FULL, and handles as before', async () => {
    const bus = scene().bus({ synchronous: 'FULL' });
    let handled = 0;
    bus.on('x', () => void handled++);
    await bus.start();
    await Promise.all(Array.from({ length: 50 }, () => bus.emitAsync('x')));
    await waitFor(() => handled === 50);
  });
});
