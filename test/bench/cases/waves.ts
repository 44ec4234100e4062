import 'reflect-metadata';
import fastq from 'fastq';
import PQueue from 'p-queue';
import { measureLoop } from '../harness/measure.js';
import type { Effort, Sample } from '../harness/table.js';
import { startApplication } from './application.js';
import { EVENT_TYPES, makeListener, PAYLOADS } from './listeners.js';

const WORKERS = 10;
const WAVE = 1_000;

/** Something that works off a queue with ten workers. */
export interface Pool {
  /** Hands over one piece of work; resolves when it was taken, or done. */
  readonly push: (i: number) => Promise<unknown>;
  /** Resolves when all work is done. */
  readonly idle: () => Promise<void>;
  readonly done: () => number;
  readonly close: () => Promise<void>;
}

/** Hands over waves of 1000, each awaited until its last piece of work is done. */
export async function measureWaves(making: Promise<Pool>, effort: Effort): Promise<Sample> {
  const { push, idle, done, close } = await making;
  let pushed = 0;
  const sample = await measureLoop(effort, WAVE, async (operations) => {
    const wave: Promise<unknown>[] = [];
    for (let i = 0; i < operations; i++) wave.push(push(i));
    await Promise.all(wave);
    await idle();
    pushed += operations;
  });
  await close();
  if (done() !== pushed) throw new Error(`${done()} of ${pushed} pieces of work were done.`);
  return sample;
}

/** What an application with our module is to show. */
export interface MemorySetup {
  readonly async: boolean;
  /** Whether the handler calls something. */
  readonly calling?: boolean;
  readonly correlation?: boolean;
  /** Whether it has an inbox. */
  readonly inbox?: boolean;
  /** To how many keys its events belong. Default: they have none. */
  readonly keys?: number;
}

/** Our module with its memory backend: one handler for each type of event. */
export async function memoryBackend({
  async,
  calling = false,
  correlation = true,
  inbox = false,
  keys = 0,
}: MemorySetup): Promise<Pool> {
  const { EventBus, EventsModule, MemoryBackend, MemoryInbox, OnEvent } =
    await import('nestjs-durable-events');
  const { listener, tally } = makeListener({
    types: EVENT_TYPES,
    handlersPerType: 1,
    async,
    calling,
    reads: 'argument.data.userId',
    decorate: (type) => OnEvent(type),
  });
  const backend = new MemoryBackend({ workers: WORKERS, queueSize: WAVE });
  const options = { backend, correlation, inbox: inbox ? new MemoryInbox() : undefined };
  const app = await startApplication(EventsModule.forRoot(options), listener);
  const bus = app.get(EventBus);
  const keyed = keys === 0 ? [undefined] : Array.from({ length: keys }, (_, i) => ({ key: `key-${i}` }));
  return {
    push: (i) => bus.emitAsync(EVENT_TYPES[i & 7]!, PAYLOADS[i & 63], keyed[i % keyed.length]),
    idle: () => bus.idle(),
    done: () => tally.calls,
    close: () => app.close(),
  };
}

type Payload = (typeof PAYLOADS)[number];

/** The work itself, without an envelope and without a dispatcher. */
function makeTask(async: boolean) {
  let calls = 0;
  let sum = 0;
  const work = ({ userId }: Payload): void => {
    calls++;
    sum += userId;
  };
  const task = async ? async (payload: Payload): Promise<void> => work(payload) : work;
  return { task, done: () => (sum > 0 ? calls : 0) };
}

/** `fastq.promise`, whose worker has to be asynchronous. */
export async function fastqPromise(async: boolean): Promise<Pool> {
  const { task, done } = makeTask(async);
  const worker = async
    ? (task as (payload: Payload) => Promise<void>)
    : async (payload: Payload) => task(payload);
  const queue = fastq.promise(worker, WORKERS);
  return {
    push: (i) => queue.push(PAYLOADS[i & 63]!),
    idle: () => Promise.resolve(),
    done,
    close: () => Promise.resolve(),
  };
}

/** `p-queue`, which takes a function for each piece of work. */
export async function pQueue(async: boolean): Promise<Pool> {
  const { task, done } = makeTask(async);
  const queue = new PQueue({ concurrency: WORKERS });
  return {
    push: (i) => {
      const payload = PAYLOADS[i & 63]!;
      return queue.add(() => task(payload));
    },
    idle: () => Promise.resolve(),
    done,
    close: () => Promise.resolve(),
  };
}
