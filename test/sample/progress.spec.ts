import { expect, it } from '@jest/globals';
import { Progress } from '../../sample/01-signup/src/file/progress.js';

function show(isTTY: boolean): string {
  let output = '';
  const stream = { isTTY, write: (text: string) => (output += text) !== '' };
  const progress = new Progress(stream, () => ({ done: 0.5, text: '5 read' }));
  progress.note('Redis is gone.');
  progress.stop();
  return output;
}

it('draws a bar over itself in a terminal, with notes above it', () => {
  expect(show(true)).toBe(
    `\rRedis is gone.\u001B[K\n\r${'█'.repeat(10)}${'░'.repeat(10)} 50%  5 read\u001B[K\n`,
  );
});

it('writes plain lines elsewhere', () => {
  expect(show(false)).toBe('Redis is gone.\n 50%  5 read\n');
});
