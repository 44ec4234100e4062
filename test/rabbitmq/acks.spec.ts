import { describe, expect, it } from '@jest/globals';
import type { Channel, Message } from 'amqplib';
import { Acks } from '../../lib/clients/amqp/acks.js';

/** What a channel was told, in order. */
function recorded() {
  const told: string[] = [];
  const channel = {
    ack: ({ fields }: Message, upTo: boolean) => told.push(`${upTo ? 'up to ' : ''}${fields.deliveryTag}`),
    nack: ({ fields }: Message) => told.push(`not ${fields.deliveryTag}`),
  };
  const acks = new Acks(channel as unknown as Channel);
  const settle = (...tags: number[]) => {
    for (const deliveryTag of tags) acks.settle(message(deliveryTag));
    acks.flush();
    return told.splice(0);
  };
  return { acks, settle, told };
}

const message = (deliveryTag: number) => ({ fields: { deliveryTag } }) as Message;

describe('Acknowledgements of a channel', () => {
  it('say with one word that everything up to a message is settled', () => {
    expect(recorded().settle(1, 2, 3)).toEqual(['up to 3']);
    expect(recorded().settle(3, 1, 2)).toEqual(['up to 3']);
  });

  it('never include a message that is open', () => {
    const { settle } = recorded();
    expect(settle(2, 3)).toEqual(['2', '3']);
    expect(settle(1)).toEqual(['up to 1']);
    expect(settle(5, 4)).toEqual(['up to 5']);
  });

  it('name no message twice, not even as the last of many', () => {
    const { settle } = recorded();
    expect(settle(1, 4)).toEqual(['4', 'up to 1']);
    expect(settle(2, 3)).toEqual(['up to 3']);
    expect(settle(5)).toEqual(['up to 5']);
  });

  it('go on behind a message that was given back', () => {
    const { acks, settle, told } = recorded();
    acks.giveBack(message(1));
    expect(told.splice(0)).toEqual(['not 1']);
    expect(settle(2)).toEqual(['up to 2']);
  });

  it('are not sent any more once the channel is lost', () => {
    const { acks, settle } = recorded();
    acks.close();
    expect(settle(1)).toEqual([]);
  });
});
