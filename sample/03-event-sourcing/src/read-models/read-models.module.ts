import { Module } from '@nestjs/common';
import { OrderList } from './order-list.js';
import { ReadModelsController } from './read-models.controller.js';
import { Sales } from './sales.js';

@Module({ controllers: [ReadModelsController], providers: [OrderList, Sales] })
export class ReadModelsModule {}
