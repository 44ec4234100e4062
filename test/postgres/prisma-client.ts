import { createRequire } from 'node:module';
import { getPrismaClient } from '@prisma/client/runtime/client';

/** Where the runtime's compiler of queries is: it comes without types. */
const RUNTIME = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
const load = createRequire(import.meta.url);
/** Not among the types of Node 20. */
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (code: Buffer) => object } };

/**
 * The client that `prisma generate` makes of a schema without models, made here: generating needs a program that the
 * package downloads, and statements of SQL need no models.
 */
export const PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: 'test',
  engineVersion: 'test',
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db { provider = "postgresql" }',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAA' },
  compilerWasm: {
    getRuntime: () => Promise.resolve(load(`${RUNTIME}.js`)),
    getQueryCompilerWasmModule: () => {
      const { wasm } = load(`${RUNTIME}.wasm-base64.js`) as { wasm: string };
      return Promise.resolve(new WebAssembly.Module(Buffer.from(wasm, 'base64')));
    },
    importName: './query_compiler_fast_bg.js',
  },
});
