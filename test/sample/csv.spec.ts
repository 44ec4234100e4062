import { describe, expect, it } from '@jest/globals';
import { readCsv } from '../../sample/01-signup/src/file/csv.js';
import { readJsonLines } from '../../sample/01-signup/src/file/json-lines.js';
import type { Row } from '../../sample/01-signup/src/file/row.js';

/** In pieces of every size, because a file arrives in pieces that end anywhere. */
async function read(
  text: string,
  reader: (text: AsyncIterable<string>) => AsyncIterable<Row>,
): Promise<Row[]> {
  const whole = await rowsOf(reader(pieces(text, text.length)));
  for (const size of [1, 2, 3, 7]) expect(await rowsOf(reader(pieces(text, size)))).toEqual(whole);
  return whole;
}

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
}

async function rowsOf(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

const csv = (text: string) => read(text, (pieces) => readCsv(pieces, ['name', 'email']));

describe('a CSV file', () => {
  it('names fields by its first line, in any order and with more columns than needed', async () => {
    expect(await csv('email,Name,age\na@x,Ada,36\n')).toEqual([
      { line: 2, value: { email: 'a@x', name: 'Ada', age: '36' } },
    ]);
  });

  it('may quote fields with commas, quotes and line breaks in them', async () => {
    expect(
      await csv('name,email\n"Hopper, Grace","g@x"\n"a ""b"" c",\n"two\nlines",l@x\nlast,z@x\n'),
    ).toEqual([
      { line: 2, value: { name: 'Hopper, Grace', email: 'g@x' } },
      { line: 3, value: { name: 'a "b" c', email: '' } },
      { line: 4, value: { name: 'two\nlines', email: 'l@x' } },
      { line: 6, value: { name: 'last', email: 'z@x' } },
    ]);
  });

  it('may come from Windows, with blank lines and without a line break at its end', async () => {
    expect(await csv('\uFEFFname,email\r\n\r\nAda,a@x\r\n\r\nAlan,b@x')).toEqual([
      { line: 3, value: { name: 'Ada', email: 'a@x' } },
      { line: 5, value: { name: 'Alan', email: 'b@x' } },
    ]);
  });

  it('tells what is wrong with a line and reads the next', async () => {
    expect(await csv('name,email\nAda\nA "b" c,q@x\n"Ada"x,y@x\nAlan,b@x\n')).toEqual([
      { line: 2, problem: 'It has 1 fields, but the first line names 2.' },
      { line: 3, problem: expect.stringContaining('A quote stands inside a field') },
      { line: 4, problem: expect.stringContaining('Text follows a closing quote') },
      { line: 5, value: { name: 'Alan', email: 'b@x' } },
    ]);
  });

  it('notices a quote that is never closed', async () => {
    expect(await csv('name,email\n"Ada,a@x\nAlan,b@x\n')).toEqual([
      { line: 2, problem: 'A quoted field is not closed before the file ends.' },
    ]);
  });

  it('does not take the rest of a large file for one field', async () => {
    const rows = await csv(`name,email\n"Ada,a@x\n${'Alan,b@x\n'.repeat(2000)}`);
    expect(rows[0]).toEqual({ line: 2, problem: expect.stringContaining('longer than 10000 characters') });
    expect(rows.length).toBeGreaterThan(800);
    expect(rows.at(-1)).toEqual({ line: 2002, value: { name: 'Alan', email: 'b@x' } });
  });

  it.each(['', 'name\nAda\n', '\n'])('must name its columns: %j', async (text) => {
    await expect(rowsOf(readCsv(pieces(text, 5), ['name', 'email']))).rejects.toThrow(
      /no column .*'email'.*must name the columns name, email/,
    );
  });
});

it('reads JSON lines, and tells which are none', async () => {
  expect(await read('{"a":1}\n\n{"a":\r\n[2]', readJsonLines)).toEqual([
    { line: 1, value: { a: 1 } },
    { line: 3, problem: expect.stringMatching(/^It is not JSON: .+\.$/) },
    { line: 4, value: [2] },
  ]);
});
