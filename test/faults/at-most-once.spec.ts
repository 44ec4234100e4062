import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../support/free-port.js';
import type { TestServer } from '../support/services/private-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { LIVE_BACKENDS } from './brokers/live.js';
import { type BuiltPrograms, buildPrograms } from './build-programs.js';
import { type BackendKind, HANDLERS, type HandlerId } from './programs/settings.js';
import type { ServiceProcess } from './service-process.js';
import { Stage } from './stage.js';

const TIMEOUT_MS = 120_000;
const PUBLISH_MS = 500;
/** Orders that have to arrive, all of them, whenever everything is up. */
const ORDERS = 100;
const TRAFFIC = { until: 'told', perSecond: 200 } as const;
const ROUNDS = process.env['FAULT_RUNS'] === 'all' ? 3 : 1;

let programs: BuiltPrograms;
beforeAll(() => {
  programs = buildPrograms();
});
afterAll(() => programs.remove());

for (const { kind, title, server: broker, toEachProcess } of LIVE_BACKENDS) {
  broker.describe(`${title}: a broker that keeps nothing`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await broker.start();
    });
    afterAll(() => server?.stop());

    it(
      'refuses events while it is away, and brings each of them, and none twice, once everybody says to be up',
      async () => {
        await onStage(kind, server.url, 3, async (stage, [wayOut, ...waysIn]) => {
          const consumers = await Promise.all(
            waysIn.map((proxy) => stage.start({ url: proxy.inFrontOf(server.url) })),
          );
          const producer = launchProducer(stage, wayOut.inFrontOf(server.url));
          const everybody = [...consumers, producer];
          const expected = toEachProcess ? consumers : undefined;
          await everythingArrives(stage, expected);
          for (let round = 0; round < ROUNDS; round++) {
            await server.kill9();
            await untilRefused(stage);
            await untilKnown(stage, 'down', everybody);
            await server.restart();
            await untilKnown(stage, 'up', everybody);
            await everythingArrives(stage, expected);

            await loseAnswers(stage, wayOut);
            await untilKnown(stage, 'up', everybody);
            await everythingArrives(stage, expected);

            const [wayIn, consumer] = [waysIn[round % 2]!, consumers[round % 2]!];
            wayIn.strand();
            await untilKnown(stage, 'down', [consumer]);
            // The broker has to know, too, or it would go on sending to where nobody is.
            await wayIn.refuse();
            await untilKnown(stage, 'down', [consumer]);
            await wayIn.resume();
            await untilKnown(stage, 'up', everybody);
            await everythingArrives(stage, expected);
          }
          producer.enough();
          await producer.placed;
          expect(repeated(stage, toEachProcess)).toEqual([]);
        });
      },
      ROUNDS * TIMEOUT_MS,
    );
  });
}

describe('Microservices over TCP: the process that listens', () => {
  it(
    'is missed when it is killed, and gets each event once when another one is there',
    async () => {
      const url = `tcp://127.0.0.1:${await freePort()}`;
      await onStage('microservices-tcp', url, 1, async (stage, [wayOut]) => {
        let consumer = await stage.start();
        const producer = launchProducer(stage, wayOut.inFrontOf(url));
        await everythingArrives(stage);
        for (let round = 0; round < ROUNDS; round++) {
          await consumer.kill();
          await untilRefused(stage);
          await untilKnown(stage, 'down', [producer]);
          consumer = await stage.start();
          await untilKnown(stage, 'up', [consumer, producer]);
          await everythingArrives(stage);

          await loseAnswers(stage, wayOut);
          await untilKnown(stage, 'up', [consumer, producer]);
          await everythingArrives(stage);
        }
        producer.enough();
        await producer.placed;
        expect(repeated(stage)).toEqual([]);
      });
    },
    ROUNDS * TIMEOUT_MS,
  );
});

/** @param ways How many proxies there are in front of the server. */
async function onStage(
  kind: BackendKind,
  url: string,
  ways: number,
  work: (stage: Stage, proxies: [TcpProxy, ...TcpProxy[]]) => Promise<void>,
): Promise<void> {
  const port = Number(new URL(url).port);
  const proxies = await Promise.all(Array.from({ length: ways }, () => startTcpProxy(port)));
  const stage = await Stage.open(kind, url, programs);
  try {
    await work(stage, proxies as [TcpProxy, ...TcpProxy[]]);
  } finally {
    await stage.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
}

function launchProducer(stage: Stage, url: string): ServiceProcess {
  return stage.launch({ url, handles: false, publishTimeoutMs: PUBLISH_MS, traffic: TRAFFIC });
}

/** What is published arrives, but nobody knows: whatever sends it again brings it twice. */
async function loseAnswers(stage: Stage, way: TcpProxy): Promise<void> {
  way.loseAnswers();
  await untilRefused(stage);
  way.cut();
}

async function untilRefused(stage: Stage): Promise<void> {
  const before = stage.ledger.read().lines('unconfirmed');
  await stage.until('publishes to be rejected', (ledger) => ledger.lines('unconfirmed') >= before + 10);
}

/** Waits until all of them say so. One that serves less than all of it is not up. */
async function untilKnown(
  stage: Stage,
  what: 'up' | 'down',
  services: readonly ServiceProcess[],
): Promise<void> {
  await stage.until(`${services.map(({ name }) => name).join(', ')} to be ${what}`, async () => {
    const healths = await Promise.all(services.map((service) => service.health()));
    return healths.every(({ status }) => (status === 'up') === (what === 'up'));
  });
}

/**
 * Waits until orders have arrived that were placed from now on, without exception.
 *
 * @param consumers All of them get each order. Default: one of them, whichever.
 */
async function everythingArrives(stage: Stage, consumers?: readonly ServiceProcess[]): Promise<void> {
  // What is confirmed later than this was not yet on its way now.
  const from = (await stage.ledger.mark('up')) + 2 * PUBLISH_MS;
  const ids = await stage.until(`${ORDERS} orders to be placed`, (ledger) => {
    const placed = [...ledger.of('confirmed')].filter(([, [entry]]) => entry!.at > from);
    return placed.length >= ORDERS ? placed.map(([id]) => id) : undefined;
  });
  const done = (id: string, handler: HandlerId, by?: string) => {
    const { ledger } = stage;
    const entries = [
      ...(ledger.of(handler).get(id) ?? []),
      ...((handler === 'audit' && ledger.of('given-up').get(id)) || []),
    ];
    return entries.some((entry) => by === undefined || entry.by === by);
  };
  const names = consumers?.map(({ name }) => name) ?? [undefined];
  await stage.until('them to be handled', () =>
    ids.every((id) => HANDLERS.every((handler) => names.every((by) => done(id, handler, by)))),
  );
}

/** What a handler did more than once for an event: in one process, or in any. */
function repeated(stage: Stage, inOneProcess = false): string[] {
  const ledger = stage.ledger.read();
  return HANDLERS.flatMap((handler) =>
    [...ledger.of(handler)].flatMap(([id, entries]) => {
      const places = entries.map(({ by }) => (inOneProcess ? by : ''));
      if (new Set(places).size === places.length) return [];
      return [`${id} of '${handler}' by ${entries.map(({ by, at }) => `${by} at ${at}`).join(', ')}`];
    }),
  );
}
