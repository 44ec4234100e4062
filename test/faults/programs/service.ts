import 'reflect-metadata';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventBus, EventsModule } from 'nestjs-durable-events';
import { crash } from './crash.js';
import { FaultPoints } from './fault-points.js';
import { Gate } from './gate.js';
import { LedgerClient } from './ledger-client.js';
import { Orders, SETTINGS } from './orders.js';
import { makeParts, type Parts } from './parts.js';
import { type Command, GROUP, type ServiceSettings } from './settings.js';
import { emitOrders } from './traffic.js';

const settings = JSON.parse(process.argv[2]!) as ServiceSettings;
const ledger = await LedgerClient.connect(settings.ledger, settings.name);
const points = new FaultPoints();

@Module({})
class ServiceModule {
  static with(parts: Parts): DynamicModule {
    const { handles, drainTimeoutMs } = settings;
    const events = EventsModule.forRoot({
      ...parts,
      source: GROUP,
      autoStart: handles,
      drainTimeoutMs,
      onError: ({ event, action }) => {
        if (action === 'dead-letter') void ledger.write(event!.id, 'given-up');
      },
    });
    return {
      module: ServiceModule,
      imports: [events],
      providers: [
        { provide: SETTINGS, useValue: settings },
        { provide: LedgerClient, useValue: ledger },
        { provide: FaultPoints, useValue: points },
        Gate,
        ...(handles ? [Orders] : []),
      ],
    };
  }
}

const app = await NestFactory.createApplicationContext(
  ServiceModule.with(await makeParts(settings, points)),
  {
    logger: ['warn', 'error'],
  },
);
app.enableShutdownHooks();
await app.init();
const bus = app.get(EventBus);

// Whoever started this process has gone, so nobody will end it.
process.once('disconnect', () => process.exit(1));
process.on('message', (command: Command) => {
  if (command === 'release') app.get(Gate).open();
  else if (command === 'stats') void bus.stats().then((stats) => process.send!({ stats }));
  else if (command === 'health') void bus.health().then((health) => process.send!({ health }));
  else if (command !== 'enough') points.arm(command.crashAt);
});
process.send!('ready');

const { traffic } = settings;
if (traffic) {
  await emitOrders(bus, ledger, traffic);
  if (traffic.thenCrash) crash();
  process.send!('placed');
}
