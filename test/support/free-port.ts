import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/*
 * Below the range that the system takes for outgoing connections (32768 and up on Linux): a server that is down for
 * a moment must find its port free when it comes back, and a client that reconnects in vain must not meet itself.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** A loopback port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
