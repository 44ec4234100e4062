import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Event, EventBus, EventsModule, type HandlerContext, OnEvent } from 'nestjs-durable-events';

@Injectable()
class Mailer {
  readonly seen: string[] = [];

  @OnEvent('after:signup', { priority: 10 })
  welcome(event: Event<{ email: string }>, context: HandlerContext) {
    this.seen.push(`${event.data.email} ${context.handlerId} ${context.attempt}`);
  }
}

@Module({ imports: [EventsModule.forRoot()], providers: [Mailer] })
class AppModule {}

describe('discovery', () => {
  let close: (() => Promise<void>) | undefined;
  afterEach(() => close?.());

  it('finds decorated methods and delivers inline and through the backend', async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
    close = () => app.close();
    const bus = app.get(EventBus);
    await bus.emitSync('after:signup', { email: 'a' });
    const receipt = await bus.emitAsync('after:signup', { email: 'b' });
    expect(receipt).toEqual({ id: expect.any(String), backend: 'memory' });
    await bus.idle({ timeoutMs: 1000 });
    expect(app.get(Mailer).seen).toEqual(['a Mailer.welcome 1', 'b Mailer.welcome 1']);
  });
});
