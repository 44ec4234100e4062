import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { forkProgram } from '../support/fork-program.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { useBullMQ } from './use-bullmq.js';

/** BullMQ takes a blocking read for dead after this long, and begins to repair its connection. */
const BLOCKED_MS = 4000;

describe('BullMQ: closing without Redis', () => {
  const bullmq = useBullMQ();
  let proxy: TcpProxy;
  afterEach(() => proxy.close());

  /** The service through a network that can fail; its end is what the tests wait for. */
  const startService = async () => {
    proxy = await startTcpProxy(bullmq.server.port);
    const env = { SERVICE_REDIS: `redis://127.0.0.1:${proxy.port}` };
    const child = forkProgram(join(import.meta.dirname, 'programs/service.ts'), env);
    bullmq.test.onClose(() => void child.kill('SIGKILL'));
    const [started] = await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
    expect(started).toBe('started');
    return child;
  };

  it('ends, and lets the process end, while Redis refuses connections', async () => {
    const child = await startService();
    await proxy.refuse();
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(15_000) });
    child.send('close');
    expect(await exited).toEqual([0, null]);
  }, 60_000);

  it('ends, and lets the process end, while BullMQ repairs a connection that gets no answer', async () => {
    const child = await startService();
    const refusedAt = performance.now();
    await proxy.refuse();
    await waitFor(() => performance.now() - refusedAt > BLOCKED_MS + 1000, { timeoutMs: 10_000 });
    await proxy.resume();
    proxy.blackhole();
    await waitFor(() => proxy.connections > 1, { timeoutMs: 10_000 });
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(15_000) });
    child.send('close');
    expect(await exited).toEqual([0, null]);
  }, 60_000);
});
