import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type NestInterceptor, UseInterceptors } from '@nestjs/common';
import {
  Event,
  EventBus,
  EventConfigurationError,
  EventsModule,
  MemoryBackend,
  type HandlerContext,
  MemoryInbox,
  OnEvent,
} from 'nestjs-durable-events';
import { TransactionalInbox } from '../unit/inboxes.js';
import { waitFor } from '../support/wait-for.js';
import { boot, closeAll } from './application.js';

afterEach(closeAll);

const passOn: NestInterceptor = { intercept: (_, next) => next.handle() };

@Injectable()
class Ledger {
  readonly calls: string[] = [];

  @OnEvent('booked')
  @UseInterceptors(passOn)
  async book(event: Event, { transaction }: HandlerContext) {
    this.calls.push('book');
    await transaction((client) => client.query(`row of ${event.id}`));
  }

  @OnEvent('booked', { inbox: false })
  count() {
    this.calls.push('count');
  }

  @OnEvent(['failing', 'failing.too'], {
    circuitBreaker: { minimumCalls: 1 },
    retry: { maxRetries: 1, initialBackoffMs: 1 },
  })
  fail() {
    this.calls.push('fail');
    throw new Error('broken');
  }
}

describe('decorated handlers', () => {
  it('have their inbox, its transactions and their circuit breaker, also with enhancers', async () => {
    const inbox = new TransactionalInbox();
    @Module({
      imports: [
        EventsModule.forRoot({
          // As a broker does that knows nothing of ids.
          backend: new MemoryBackend({ deduplicationMs: 0 }),
          inbox,
          enhancers: ['interceptors'],
          drainTimeoutMs: 100,
          abortGraceMs: 100,
        }),
      ],
      providers: [Ledger],
    })
    class AppModule {}
    const app = await boot(AppModule);
    const bus = app.get(EventBus);
    const { calls } = app.get(Ledger);

    for (let i = 0; i < 2; i++) {
      await bus.emitAsync('booked', 1, { id: 'same' });
      await bus.idle({ timeoutMs: 10_000 });
    }
    expect(calls).toEqual(['book', 'count', 'count']);
    expect(inbox.rows).toEqual(['row of same']);
    expect(await bus.stats()).toMatchObject({ handled: 3, duplicates: 1, circuitsOpen: 0 });

    const deferred: string[] = [];
    bus.errors.subscribe(({ action, event }) => action === 'deferred' && deferred.push(event!.type));
    await bus.emitAsync('failing', 1);
    await waitFor(() => deferred.includes('failing')); // the retry, by the circuit that the first try opened
    await bus.emitAsync('failing.too', 1);
    await waitFor(() => deferred.includes('failing.too'));
    expect(calls.filter((call) => call === 'fail')).toHaveLength(1);
    expect(await bus.health()).toMatchObject({ details: { openCircuits: ['Ledger.fail'] } });
  });

  it('stop the boot with options that cannot work', async () => {
    class Wrong {
      @OnEvent('x', { circuitBreaker: { failureRate: 2 } })
      handle() {}
    }
    @Module({ imports: [EventsModule.forRoot({ inbox: new MemoryInbox() })], providers: [Wrong] })
    class AppModule {}
    const booting = boot(AppModule);
    await expect(booting).rejects.toThrow(EventConfigurationError);
    await expect(booting).rejects.toThrow(
      'Handler Wrong.handle in AppModule has circuitBreaker.failureRate = 2, but it must be a number above 0 and up to 1.',
    );
  });
});
