import type { Server, ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { EventBackend } from 'nestjs-durable-events';
import { AppModule } from './app.module.js';
import { onInterrupt } from './interrupt.js';
import type { Settings } from './settings.js';
import { SetupError } from './setup-error.js';

/**
 * Serves HTTP until Ctrl-C or SIGTERM; every sign-up that was answered with 202 is handled before the process ends,
 * or stays with a backend that is durable.
 */
export async function serve(settings: Settings, backend: EventBackend): Promise<void> {
  const app = await NestFactory.create(AppModule.with(settings, backend), { abortOnError: false });
  app.enableShutdownHooks();
  const server = app.getHttpServer() as Server;
  const interrupt = onInterrupt();
  // Clients that went on sending while the queue is drained would keep it from running dry: no new connection from
  // now on, and one more answer on those that are open.
  interrupt.addEventListener('abort', () => server.close());
  app.use((_request: unknown, response: ServerResponse, next: () => void) => {
    if (interrupt.aborted) response.setHeader('Connection', 'close');
    next();
  });
  try {
    await app.listen(settings.port);
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new SetupError(`Port ${settings.port} is in use. Choose another one, such as PORT=3001.`);
  }
  const { port } = server.address() as { port: number };
  console.log(`Sign-ups are taken at http://localhost:${port}/signup, kept in ${settings.dataDir}`);
}
