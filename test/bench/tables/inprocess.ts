import type { Case, Table } from '../harness/table.js';

interface Load {
  readonly handlersPerType: number;
  readonly async: boolean;
}

function emitSync(load: Load, calling = true): Case {
  return {
    key: calling ? 'emitSync' : 'emitSync-leaf',
    title: calling ? 'emitSync' : 'emitSync, handlers that call nothing',
    run: async ({ effort }) => {
      const [{ ourEmitter }, { measureAwaitedEmit }] = await imports();
      return measureAwaitedEmit(ourEmitter({ ...load, calling }), load.handlersPerType, effort);
    },
  };
}

function emitterAsync(load: Load, wildcard: boolean): Case {
  return {
    key: wildcard ? 'event-emitter-wildcard' : 'event-emitter',
    title: `@nestjs/event-emitter emitAsync, wildcard ${wildcard ? 'on' : 'off'}`,
    run: async ({ effort }) => {
      const [{ nestEmitter }, { measureAwaitedEmit }] = await imports();
      return measureAwaitedEmit(nestEmitter({ ...load, wildcard }), load.handlersPerType, effort);
    },
  };
}

function imports() {
  return Promise.all([import('../cases/emitters.js'), import('../cases/awaited-emit.js')]);
}

function againstEventEmitter(handlersPerType: number, async: boolean, atLeast: number): Table {
  const load = { handlersPerType, async };
  const kind = async ? 'async' : 'sync';
  const leaf = async ? [] : [emitSync(load, false)];
  return {
    id: `inprocess/${handlersPerType}-${kind}`,
    title: `awaited emit to ${handlersPerType} ${kind} handler${handlersPerType === 1 ? '' : 's'} in a Nest application`,
    cases: [emitSync(load), ...leaf, emitterAsync(load, false), emitterAsync(load, true)],
    comparisons: [
      { of: 'emitSync', over: 'event-emitter', atLeast },
      { of: 'emitSync', over: 'event-emitter-wildcard' },
      ...leaf.map(({ key }) => ({ of: key, over: 'event-emitter' })),
    ],
  };
}

function correlated(load: Load, nodeMajor: number, correlation: boolean): Case {
  return {
    key: `${correlation ? 'on' : 'off'}-node${nodeMajor}`,
    title: `correlation ${correlation ? 'on' : 'off'}, Node ${nodeMajor}`,
    nodeMajor,
    run: async ({ effort }) => {
      const [{ ourEmitter }, { measureAwaitedEmit }] = await imports();
      return measureAwaitedEmit(ourEmitter({ ...load, correlation }), load.handlersPerType, effort);
    },
  };
}

/** Node 24 follows asynchronous contexts in another way than Node 20. */
function costOfCorrelation(async: boolean): Table {
  const load = { handlersPerType: 3, async };
  const kind = async ? 'async' : 'sync';
  return {
    id: `inprocess/correlation-${kind}`,
    title: `what correlation costs: awaited emitSync to 3 ${kind} handlers`,
    cases: [20, 24].flatMap((node) => [correlated(load, node, true), correlated(load, node, false)]),
    comparisons: [20, 24].map((node) => ({ of: `on-node${node}`, over: `off-node${node}` })),
  };
}

/** In the process that emits. */
export const inprocess: readonly Table[] = [
  againstEventEmitter(1, false, 4),
  againstEventEmitter(3, false, 4),
  againstEventEmitter(3, true, 2),
  againstEventEmitter(10, false, 3),
  costOfCorrelation(false),
  costOfCorrelation(true),
];
