import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  UseFilters,
} from '@nestjs/common';
import type { StoredEvent } from 'nestjs-durable-events/store';
import { EventStore } from 'nestjs-durable-events/store';
import type { Line } from './order.events.js';
import { OrderErrors } from './order-errors.filter.js';
import { OrderRepository } from './order.repository.js';

/** Where an order stands after a command. */
interface Answer {
  readonly id: string;
  readonly status: string;
  readonly version: number;
}

@Controller('orders')
@UseFilters(OrderErrors)
export class OrdersController {
  constructor(
    private readonly orders: OrderRepository,
    private readonly store: EventStore,
  ) {}

  @Post()
  async place(@Body() { customer, lines }: { customer: string; lines: Line[] }): Promise<Answer> {
    const { id, state, version } = await this.orders.handle(randomUUID(), (order) =>
      order.place(customer, lines),
    );
    return { id, status: state.status, version };
  }

  @Post(':id/payment')
  @HttpCode(200)
  pay(@Param('id') id: string): Promise<Answer> {
    return this.#change(id, (order) => order.pay());
  }

  @Post(':id/shipment')
  @HttpCode(200)
  ship(@Param('id') id: string, @Body() { parcel }: { parcel: string }): Promise<Answer> {
    return this.#change(id, (order) => order.ship(parcel));
  }

  @Delete(':id')
  cancel(@Param('id') id: string, @Body() { reason }: { reason: string }): Promise<Answer> {
    return this.#change(id, (order) => order.cancel(reason));
  }

  /** Everything that happened to an order. */
  @Get(':id/history')
  async history(@Param('id') id: string): Promise<Pick<StoredEvent, 'type' | 'data' | 'createdAt'>[]> {
    const history = [];
    for await (const { type, data, createdAt } of this.store.loadStream(`order-${id}`)) {
      history.push({ type, data, createdAt });
    }
    return history;
  }

  /** @throws {NotFoundException} when nothing has happened to the order. */
  async #change(id: string, command: Parameters<OrderRepository['handle']>[1]): Promise<Answer> {
    const { state, version } = await this.orders.handle(id, (order) => {
      if (order.version === 0) throw new NotFoundException(`There is no order ${id}.`);
      return command(order);
    });
    return { id, status: state.status, version };
  }
}
