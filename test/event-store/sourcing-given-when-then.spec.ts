import { AssertionError } from 'node:assert';
import { describe, expect, it } from '@jest/globals';
import { defineEvent, type Event, EventConfigurationError } from 'nestjs-durable-events';
import { Aggregate, defineAggregate } from 'nestjs-durable-events/store';
import { given } from 'nestjs-durable-events/testing';
import { z } from 'zod';

interface Order {
  readonly status: 'new' | 'placed' | 'paid';
  readonly cents: number;
}

const orders = defineAggregate({
  name: 'order',
  initial: (): Order => ({ status: 'new', cents: 0 }),
  evolve: {
    'order.placed': (_, { data }: Event<{ cents: number }>): Order => ({
      status: 'placed',
      cents: data.cents,
    }),
    'order.paid': (order): Order => ({ ...order, status: 'paid' }),
  },
});

class OrderClosed extends Error {
  constructor(readonly status: string) {
    super(`The order is ${status}.`);
  }
}

function pay({ status, cents }: Order) {
  if (status !== 'placed') throw new OrderClosed(status);
  return { type: 'order.paid', data: { cents } } as const;
}

class OrderAggregate extends Aggregate<typeof orders> {
  static readonly definition = orders;

  pay(): void {
    this.apply(pay(this.state));
  }
}

const placed = { type: 'order.placed', data: { cents: 100 } } as const;
const paid = { type: 'order.paid', data: { cents: 100 } } as const;

/** The message of the assertion that a sentence fails with. */
async function failureOf(sentence: Promise<void>): Promise<string> {
  const error: unknown = await sentence.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AssertionError);
  return (error as AssertionError).message;
}

describe('given, when, then', () => {
  it('passes for the events, for plain functions and for classes', async () => {
    await expect(
      given(orders, [placed])
        .when(({ state }) => pay(state))
        .then([paid]),
    ).resolves.toBeUndefined();
    await expect(
      given(OrderAggregate, [placed])
        .when((order) => order.pay())
        .then([paid]),
    ).resolves.toBeUndefined();
  });

  it('passes for the class of an error, and for an error of its class and message', async () => {
    const again = () => given(OrderAggregate, [placed, paid]).when((order) => order.pay());
    await expect(again().then(OrderClosed)).resolves.toBeUndefined();
    await expect(again().then(Error)).resolves.toBeUndefined();
    await expect(again().then(new OrderClosed('paid'))).resolves.toBeUndefined();
  });

  it('passes for nothing', async () => {
    await expect(
      given(orders, [placed])
        .when(async () => undefined)
        .then([]),
    ).resolves.toBeUndefined();
  });

  it('shows the state', () => {
    expect(given(orders).state).toEqual({ status: 'new', cents: 0 });
    expect(given(orders, [placed, paid]).state).toEqual({ status: 'paid', cents: 100 });
  });

  it('compares data as it would be stored', async () => {
    const at = new Date(0);
    await expect(
      given(orders)
        .when(() => ({ ...placed, data: { cents: 1, note: undefined, at } }))
        .then([{ ...placed, data: { cents: 1, at: at.toISOString() } }]),
    ).resolves.toBeUndefined();
  });

  it('compares data as its schema reads it', async () => {
    const Shipped = defineEvent('order.shipped', { schema: z.object({ at: z.coerce.date() }) });
    const shipments = defineAggregate({
      name: 'shipment',
      events: [Shipped],
      initial: () => 0,
      evolve: { 'order.shipped': (_, { data }) => data.at.getTime() },
    });
    await expect(
      given(shipments)
        .when(() => ({ type: 'order.shipped', data: { at: '2024-02-29' } }))
        .then([{ type: 'order.shipped', data: { at: '2024-02-29T00:00:00Z' } }]),
    ).resolves.toBeUndefined();
  });
});

describe('what else came is told', () => {
  it('other events', async () => {
    const sentence = given(orders, [placed])
      .when(({ state }) => pay(state))
      .then([{ ...paid, data: { cents: 90 } }]);
    expect(await failureOf(sentence)).toBe(
      [
        'given',
        '  1. order.placed { cents: 100 }',
        'the command was expected to come to',
        '  1. order.paid { cents: 90 }',
        'but it came to',
        '  1. order.paid { cents: 100 }',
      ].join('\n'),
    );
  });

  it('an error instead of events, with the error as the cause', async () => {
    const sentence = given(orders)
      .when(({ state }) => pay(state))
      .then([paid]);
    const error = (await sentence.catch((thrown: unknown) => thrown)) as AssertionError;
    expect(error.message).toMatch(
      /^given no event\n.*\n.*\nbut it came to OrderClosed: The order is new\.$/s,
    );
    expect(error.cause).toBeInstanceOf(OrderClosed);
  });

  it('events instead of an error', async () => {
    const sentence = given(orders, [placed])
      .when(({ state }) => pay(state))
      .then(OrderClosed);
    expect(await failureOf(sentence)).toContain(
      'expected to come to an error of class OrderClosed\nbut it came to\n  1. order.paid',
    );
  });

  it('another error', async () => {
    const paying = () => given(orders).when(({ state }) => pay(state));
    expect(await failureOf(paying().then(RangeError))).toContain('an error of class RangeError');
    expect(await failureOf(paying().then(new OrderClosed('paid')))).toContain(
      'expected to come to OrderClosed: The order is paid.\nbut it came to OrderClosed: The order is new.',
    );
  });

  it('a sentence without an end', async () => {
    const unfinished = given(orders).when(() => placed) as unknown as Promise<void>;
    // oxlint-disable-next-line typescript/await-thenable -- as in JavaScript, where the compiler does not see it
    await expect((async () => await unfinished)()).rejects.toThrow(EventConfigurationError);
  });
});
