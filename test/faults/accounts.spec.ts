import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDeadLetter } from '../../lib/dead-letters/create-dead-letter.js';
import { failedAttempt } from '../../lib/dispatch/failure.js';
import { createEvent } from '../../lib/event.js';
import { type Accounts, losses, type Promises, violations } from './accounts.js';
import { waitFor } from '../support/wait-for.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import { Ledger } from './ledger.js';
import { LedgerClient } from './programs/ledger-client.js';
import { HANDLERS, type HandlerId } from './programs/settings.js';

/** The judge of every other fault test: it must see what is wrong, and nothing else. */
describe('the accounts of a run', () => {
  let programs: BuiltPrograms;
  let ledger: Ledger;
  let writers: LedgerClient[];
  beforeAll(() => {
    programs = buildPrograms();
  });
  beforeEach(async () => {
    ledger = await Ledger.open(programs.ledger);
    writers = [];
  });
  afterEach(async () => {
    for (const writer of writers) writer.close();
    await ledger.close();
  });
  afterAll(() => programs?.remove());

  async function writer(name: string): Promise<LedgerClient> {
    const client = await LedgerClient.connect(ledger.socket, name);
    writers.push(client);
    return client;
  }

  async function order(client: LedgerClient, id: string, detail: string): Promise<void> {
    await client.write(id, 'confirmed', detail);
  }

  async function handled(
    client: LedgerClient,
    id: string,
    by: readonly HandlerId[] = HANDLERS,
  ): Promise<void> {
    for (const handlerId of by) await client.write(id, handlerId);
  }

  function accounts(rest: Partial<Accounts> = {}): Accounts {
    return { ledger: ledger.read(), deadLetters: [], outstanding: [], ...rest };
  }

  function wrong(promises: Promises = { once: false }, rest: Partial<Accounts> = {}): Promise<string[]> {
    return violations(accounts(rest), promises, { whereabouts: async () => 'nowhere' });
  }

  it('are in order when every handler has handled what was confirmed', async () => {
    const service = await writer('service');
    for (const id of ['a', 'b']) {
      await order(service, id, 'key/1');
      await handled(service, id);
    }
    await service.write('unknown', 'invoice');
    expect(await wrong({ once: true })).toEqual([]);
  });

  it('miss what one handler did not do', async () => {
    const service = await writer('service');
    await order(service, 'a', '-/1');
    await handled(service, 'a', ['invoice', 'stock']);
    expect(await wrong()).toEqual(["a of 'audit' is lost; it is nowhere"]);
    expect(losses(accounts({ outstanding: [{ eventId: 'a', handlerId: 'stock' }] }))).toHaveLength(1);
    expect(losses(accounts({ outstanding: [{ eventId: 'a', handlerId: 'audit' }] }))).toEqual([]);
    expect(losses(accounts({ outstanding: [{ eventId: 'a', handlerId: '*' }] }))).toEqual([]);
  });

  it('object to what is pending in the end', async () => {
    const outstanding = [{ eventId: 'a', handlerId: 'audit' }];
    expect(await wrong(undefined, { outstanding })).toEqual([
      "a of 'audit' is pending although everything seemed to be settled",
    ]);
  });

  it('take a dead letter of what audit refuses, and no other', async () => {
    const service = await writer('service');
    const letter = (id: string, handlerId: string) =>
      createDeadLetter(createEvent('order.placed', {}, { id }), handlerId, [
        failedAttempt(new Error('It is late.'), Date.now()),
      ]);
    await order(service, 'refused', '-/50');
    await handled(service, 'refused', ['invoice', 'stock']);
    await order(service, 'sound', '-/51');
    await handled(service, 'sound', ['invoice', 'stock']);
    const deadLetters = [letter('refused', 'audit'), letter('sound', 'audit'), letter('refused', 'stock')];
    expect(await wrong(undefined, { deadLetters })).toEqual([
      "sound of 'audit' is a dead letter: It is late.",
      "refused of 'stock' is a dead letter: It is late.",
    ]);
  });

  it('see an effect that was had twice, where that was ruled out', async () => {
    const service = await writer('service');
    await order(service, 'a', '-/1');
    await handled(service, 'a');
    await handled(service, 'a', ['stock']);
    expect(await wrong()).toEqual([]);
    expect(await wrong({ once: true })).toEqual([
      expect.stringContaining("a of 'stock' had its effect 2 times: service at "),
    ]);
  });

  it('see orders of one key in the wrong order, but for those that came again', async () => {
    const service = await writer('service');
    await order(service, 'first', 'key/1');
    await order(service, 'second', 'key/2');
    await order(service, 'other', 'other-key/0');
    for (const id of ['first', 'second', 'other', 'first']) await handled(service, id);
    expect(await wrong({ once: false, ordered: 'in-order' })).toEqual([]);
    await order(service, 'late', 'key/0');
    await handled(service, 'late', ['invoice']);
    await handled(service, 'late', ['stock', 'audit']);
    expect((await wrong({ once: false, ordered: 'in-order' }))[0]).toBe(
      "late of 'invoice', order 0 of key, came after order 2",
    );
  });

  it('see two orders of one key at once, unless one of them ran in a process that has died', async () => {
    const [one, other] = [await writer('one'), await writer('other')];
    const alone = { once: false, ordered: 'alone' } as const;
    for (const id of ['a', 'b']) await order(one, id, `key/${id === 'a' ? 1 : 2}`);
    await one.write('a', 'begun', 'key');
    one.close();
    await waitFor(() => ledger.read().lines('gone') === 1);
    await other.write('a', 'begun', 'key');
    await handled(other, 'a');
    await other.write('b', 'begun', 'key');
    expect((await wrong(alone)).filter((text) => text.includes('began while'))).toEqual([]);
    await other.write('c', 'begun', 'key');
    expect((await wrong(alone)).filter((text) => text.includes('began while'))).toEqual([
      'c of key began while b ran in other',
    ]);
  });
});
