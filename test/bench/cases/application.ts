import 'reflect-metadata';
import { type DynamicModule, type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** A running application of these two. */
export function startApplication(
  imported: DynamicModule,
  ...providers: Type[]
): Promise<INestApplicationContext> {
  @Module({ imports: [imported], providers })
  class AppModule {}
  return NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
}
