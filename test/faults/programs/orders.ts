import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { type Event, type HandlerContext, OnEvent } from 'nestjs-durable-events';
import { crash } from './crash.js';
import { FaultPoints } from './fault-points.js';
import { Gate } from './gate.js';
import { LedgerClient } from './ledger-client.js';
import {
  ADD_EFFECT,
  type HandlerId,
  ORDER_PLACED,
  type OrderPlaced,
  type ServiceSettings,
} from './settings.js';

export const SETTINGS = Symbol('settings');

type Order = Event<OrderPlaced>;

/** Three handlers of one event: one that works, one that fails now and then, one that refuses some for good. */
@Injectable()
export class Orders {
  readonly #workMs: number;
  /** Whether effects are rows in the database of the inbox. */
  readonly #transactional: boolean;

  constructor(
    @Inject(SETTINGS) { workMs = 0, inbox }: ServiceSettings,
    private readonly ledger: LedgerClient,
    private readonly gate: Gate,
    private readonly points: FaultPoints,
  ) {
    this.#workMs = workMs;
    this.#transactional = inbox?.kind === 'postgres';
  }

  @OnEvent(ORDER_PLACED, { id: 'invoice', priority: 3 })
  async invoice(order: Order, context: HandlerContext): Promise<void> {
    const { id, key, data } = order;
    if (key !== undefined) await this.ledger.write(id, 'begun', key);
    await setTimeout(this.#workMs);
    if (data.fault === 'hold') {
      await this.ledger.write(id, 'holding');
      await this.gate.opened;
    }
    await this.#take(order, context);
    if (data.fault === 'crash' || (data.fault === 'crash-once' && !context.redelivered)) crash();
  }

  @OnEvent(ORDER_PLACED, { id: 'stock', priority: 2, retry: { maxRetries: 3, initialBackoffMs: 50 } })
  async stock(order: Order, context: HandlerContext): Promise<void> {
    await setTimeout(this.#workMs);
    if (order.data.n % 7 === 0 && context.attempt === 1) throw new Error('The stock is locked.');
    await this.#take(order, context);
  }

  @OnEvent(ORDER_PLACED, { id: 'audit', priority: 1, retry: { maxRetries: 2, initialBackoffMs: 50 } })
  async audit(order: Order, context: HandlerContext): Promise<void> {
    await setTimeout(this.#workMs);
    if (order.data.fault === 'refused') throw new Error('The audit refuses this order.');
    await this.#take(order, context);
  }

  /** The effect: a line in the ledger, or a row that is written together with the mark of the inbox. */
  async #take({ id }: Order, { handlerId, transaction }: HandlerContext): Promise<void> {
    if (this.#transactional) {
      await transaction(async (client) => {
        await client.query(ADD_EFFECT, [id, handlerId]);
        this.points.reach('after-effect');
      });
    }
    await this.ledger.write(id, handlerId as HandlerId);
    this.points.reach('after-effect');
  }
}
