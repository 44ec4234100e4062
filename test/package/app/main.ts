import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Event, EventBus, EventsModule, MemoryBackend, OnEvent } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { RecordingBackend } from 'nestjs-durable-events/testing';

interface Signup {
  email: string;
}

@Injectable()
class Welcome {
  readonly greeted: string[] = [];

  @OnEvent('after:signup')
  greet(event: Event<Signup>): void {
    this.greeted.push(event.data.email);
  }
}

@Injectable()
class Signups {
  constructor(private readonly bus: EventBus) {}

  async add(email: string): Promise<void> {
    await this.bus.emitSync('after:signup', { email: `sync-${email}` });
    await this.bus.emitAsync('after:signup', { email: `async-${email}` });
    await this.bus.idle({ timeoutMs: 10_000 });
  }
}

const connection = process.env['APP_REDIS_URL'];
const namespace = `application-${process.pid}`;

@Module({
  imports: [
    EventsModule.forRoot(
      connection
        ? new RedisStreamsBackend({ connection, namespace, group: 'consumer' })
        : new MemoryBackend(),
    ),
  ],
  providers: [Welcome, Signups],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
  app.enableShutdownHooks();
  await app.get(Signups).add('ada@example.org');
  await app.close();
  console.log(app.get(Welcome).greeted.join(' '), new RecordingBackend().name);
}

void main();
