import type { Row } from './row.js';

/** Reads one JSON value per line. A line that is not JSON does not keep the next one from being read. */
export async function* readJsonLines(text: AsyncIterable<string>): AsyncGenerator<Row> {
  let line = 0;
  for await (const content of lines(text)) {
    line++;
    if (content.trim() !== '') yield parse(line, content);
  }
}

function parse(line: number, content: string): Row {
  try {
    return { line, value: JSON.parse(content) as unknown };
  } catch (error) {
    return { line, problem: `It is not JSON: ${(error as Error).message}.` };
  }
}

async function* lines(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of text) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop()!;
    yield* parts;
  }
  yield rest;
}
