import { buildApp } from 'fauxqs';
import { freePort } from '../free-port.js';

/** A server that speaks for SQS and SNS, in this process. */
export interface FauxqsServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** A fauxqs for one test file. It keeps everything in memory, and has no accounts: any credentials do. */
export async function startFauxqs(): Promise<FauxqsServer> {
  const port = await freePort();
  const app = buildApp({ logger: false, host: '127.0.0.1' });
  await app.listen({ port, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${port}`, stop: () => app.close() };
}
