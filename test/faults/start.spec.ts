import { expect, it } from '@jest/globals';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { describeDurable } from './use-stage.js';

describeDurable('a process that starts while the broker is away', (scene) => {
  it.each(['cut off', 'refused'] as const)(
    'and is %s consumes once it is back',
    async (how) => {
      const { stage, server } = scene();
      const proxy = await startTcpProxy(server.port);
      try {
        if (how === 'cut off') proxy.blackhole();
        else await proxy.refuse();
        const service = stage.launch({ url: proxy.inFrontOf(server.url) });
        if (how === 'cut off') {
          await waitFor(() => proxy.connections > 0, { timeoutMs: 30_000, message: 'a connection' });
          proxy.cut();
        } else {
          await stage.until('a refused connection', () =>
            /ECONNREFUSED|connection refused/.test(service.output),
          );
        }
        await proxy.resume();
        await service.ready;
        await stage.untilHandled(await stage.place({ n: 1 }, { n: 2 }));
        expect(service.running).toBe(true);
      } finally {
        await proxy.close();
      }
    },
    90_000,
  );
});
