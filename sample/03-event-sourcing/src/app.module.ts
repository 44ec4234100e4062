import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { EventStore, ProjectionsModule } from 'nestjs-durable-events/store';
import { DATABASE, type Database } from './database.js';
import { OrdersModule } from './orders/orders.module.js';
import { OrderList } from './read-models/order-list.js';
import { ReadModelsModule } from './read-models/read-models.module.js';
import { Sales } from './read-models/sales.js';

@Module({})
class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}

@Module({})
export class AppModule {
  static with(database: Database): DynamicModule {
    const store = new PostgresEventStore({ connection: database.connection });
    return {
      module: AppModule,
      imports: [
        {
          module: DatabaseModule,
          global: true,
          providers: [
            { provide: DATABASE, useValue: database },
            { provide: EventStore, useValue: store },
          ],
          exports: [DATABASE, EventStore],
        },
        ProjectionsModule.forRoot({ store, projections: [OrderList, Sales] }),
        OrdersModule,
        ReadModelsModule,
      ],
    };
  }
}
