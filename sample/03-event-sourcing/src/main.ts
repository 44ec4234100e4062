import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { openDatabase } from './database.js';

const database = await openDatabase(process.env).catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
const app = await NestFactory.create(AppModule.with(database), { logger: ['warn', 'error'] });
app.enableShutdownHooks();
await app.listen(Number(process.env['PORT'] ?? 3000));
const { port } = (app.getHttpServer() as Server).address() as { port: number };
console.log(`Orders are taken at http://localhost:${port}/orders, kept in ${database.where}`);
