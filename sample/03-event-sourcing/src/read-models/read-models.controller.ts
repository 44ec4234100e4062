import { Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import { EventConfigurationError } from 'nestjs-durable-events';
import { ProjectionRunner } from 'nestjs-durable-events/store';
import { OrderList } from './order-list.js';
import { Sales } from './sales.js';

@Controller()
export class ReadModelsController {
  constructor(
    private readonly orders: OrderList,
    private readonly sold: Sales,
    private readonly runner: ProjectionRunner,
  ) {}

  @Get('orders')
  list(): Promise<unknown[]> {
    return this.orders.all();
  }

  @Get('sales')
  sales(): Promise<unknown[]> {
    return this.sold.all();
  }

  /** How far each read model is. */
  @Get('projections')
  async projections(): Promise<object[]> {
    const all = await this.runner.status();
    return all.map(({ error, ...status }) => ({ ...status, error: error?.message }));
  }

  /** Empties a read model and makes it anew. Answers when it is done. */
  @Post('projections/:name/rebuild')
  async rebuild(@Param('name') name: string): Promise<object[]> {
    try {
      await this.runner.rebuild(name);
    } catch (error) {
      if (error instanceof EventConfigurationError) throw new NotFoundException(error.message);
      throw error;
    }
    return this.projections();
  }
}
