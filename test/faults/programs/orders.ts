import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { type Event, type HandlerContext, OnEvent } from 'nestjs-durable-events';
import { crash } from './crash.js';
import { Gate } from './gate.js';
import { LedgerFile } from './ledger-file.js';
import { ORDER_PLACED, type OrderPlaced, type ServiceSettings } from './settings.js';

export const SETTINGS = Symbol('settings');

/** Three handlers of one event: one that works, one that fails now and then, one that refuses some for good. */
@Injectable()
export class Orders {
  readonly #workMs: number;

  constructor(
    @Inject(SETTINGS) { workMs = 0 }: ServiceSettings,
    private readonly ledger: LedgerFile,
    private readonly gate: Gate,
  ) {
    this.#workMs = workMs;
  }

  @OnEvent(ORDER_PLACED, { id: 'invoice', priority: 3 })
  async invoice({ id, data }: Event<OrderPlaced>, { redelivered }: HandlerContext): Promise<void> {
    await setTimeout(this.#workMs);
    if (data.fault === 'hold') {
      this.ledger.write(id, 'holding');
      await this.gate.opened;
    }
    this.ledger.write(id, 'invoice');
    if (data.fault === 'crash' || (data.fault === 'crash-once' && !redelivered)) crash();
  }

  @OnEvent(ORDER_PLACED, { id: 'stock', priority: 2, retry: { maxRetries: 3, initialBackoffMs: 50 } })
  async stock({ id, data }: Event<OrderPlaced>, { attempt }: HandlerContext): Promise<void> {
    await setTimeout(this.#workMs);
    if (data.n % 7 === 0 && attempt === 1) throw new Error('The stock is locked.');
    this.ledger.write(id, 'stock');
  }

  @OnEvent(ORDER_PLACED, { id: 'audit', priority: 1, retry: { maxRetries: 2, initialBackoffMs: 50 } })
  async audit({ id, data }: Event<OrderPlaced>): Promise<void> {
    await setTimeout(this.#workMs);
    if (data.fault === 'refused') throw new Error('The audit refuses this order.');
    this.ledger.write(id, 'audit');
  }
}
