/** What is due sooner waits in the process that has it: a way through the broker would take as long. */
export const SOON_MS = 64;
/** The longest time that a message of RabbitMQ lives, as a power of two. */
const MAX_POWER = 31;

/**
 * The longest step towards a time, in milliseconds. Each step is a queue whose messages go on after the same time, so
 * that none waits behind another: with steps that are powers of two, a few queues are enough for any delay. What is not
 * due after one step takes the next.
 *
 * @param ms Milliseconds to wait, {@link SOON_MS} or more.
 */
export function stepTowards(ms: number): number {
  return 2 ** Math.min(MAX_POWER, Math.floor(Math.log2(ms)));
}
