import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const open: INestApplicationContext[] = [];

/** Boots a Nest application without HTTP. A failing boot rejects. */
export async function boot(module: Type): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  open.push(app);
  return app;
}

/** Closes an application before the end of its test. Nest 11 would run the hooks again at a second close. */
export async function close(app: INestApplicationContext): Promise<void> {
  open.splice(open.indexOf(app), 1);
  await app.close();
}

/** Closes what {@link boot} opened; for `afterEach`. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((app) => app.close()));
  // Jest fails a test whose rejections nobody handles, if they come to light before its hooks end.
  await new Promise((resolve) => setImmediate(resolve));
}
