import 'reflect-metadata';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventBus, EventsModule, MemoryBackend } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { crash } from './crash.js';
import { Gate } from './gate.js';
import { LedgerFile } from './ledger-file.js';
import { Orders, SETTINGS } from './orders.js';
import { GROUP, type ServiceSettings } from './settings.js';
import { emitOrders } from './traffic.js';

@Module({})
class ServiceModule {
  static with(settings: ServiceSettings, ledger: LedgerFile): DynamicModule {
    const { redis, handles, drainTimeoutMs } = settings;
    const backend = redis
      ? new RedisStreamsBackend({ ...redis, connection: redis.url, group: GROUP })
      : new MemoryBackend({ overflow: 'wait' });
    return {
      module: ServiceModule,
      imports: [
        EventsModule.forRoot({
          backend,
          source: GROUP,
          autoStart: handles,
          drainTimeoutMs,
          onError: ({ event, action }) => {
            if (action === 'dead-letter') ledger.write(event!.id, 'given-up');
          },
        }),
      ],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: LedgerFile, useValue: ledger },
        Gate,
        ...(handles ? [Orders] : []),
      ],
    };
  }
}

const settings = JSON.parse(process.argv[2]!) as ServiceSettings;
const ledger = new LedgerFile(settings.ledger);
const app = await NestFactory.createApplicationContext(ServiceModule.with(settings, ledger), {
  logger: ['warn', 'error'],
});
app.enableShutdownHooks();
await app.init();
const bus = app.get(EventBus);

// Whoever started this process has gone, so nobody will end it.
process.once('disconnect', () => process.exit(1));
process.on('message', (message) => {
  if (message === 'release') app.get(Gate).open();
  if (message === 'stats') void bus.stats().then((stats) => process.send!(stats));
});
process.send!('ready');

const { traffic } = settings;
if (traffic) {
  await emitOrders(bus, ledger, traffic);
  if (traffic.thenCrash) crash();
  process.send!('placed');
}
