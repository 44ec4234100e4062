import { SetupError } from '../setup-error.js';
import type { Row } from './row.js';

/** Longest record in characters: beyond it, a closing quote was forgotten. */
const LONGEST_RECORD = 10_000;

interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
  readonly problem?: string;
}

/**
 * Reads comma-separated values (RFC 4180) as objects named by the first line. A record that cannot be read does not
 * keep the next one from being read.
 *
 * @throws {SetupError} when the first line does not name every column that is needed.
 */
export async function* readCsv(text: AsyncIterable<string>, needed: readonly string[]): AsyncGenerator<Row> {
  let header: readonly string[] | undefined;
  for await (const { line, fields, problem } of records(text)) {
    if (header === undefined) header = headerOf(fields, needed);
    else if (problem !== undefined) yield { line, problem };
    else if (fields.length !== header.length) {
      yield { line, problem: `It has ${fields.length} fields, but the first line names ${header.length}.` };
    } else yield { line, value: Object.fromEntries(header.map((name, i) => [name, fields[i]])) };
  }
  if (header === undefined) headerOf([], needed);
}

function headerOf(fields: readonly string[], needed: readonly string[]): readonly string[] {
  const header = fields.map((field) => field.trim().toLowerCase());
  const missing = needed.filter((name) => !header.includes(name));
  if (missing.length === 0) return header;
  throw new SetupError(
    `The file has no column ${missing.map((name) => `'${name}'`).join(' and no ')}. Its first line must name the columns ${needed.join(', ')}.`,
  );
}

async function* records(text: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  const parser = new CsvParser();
  for await (const chunk of text) {
    for (const character of chunk) {
      const record = parser.take(character);
      if (record !== undefined) yield record;
    }
  }
  const last = parser.end();
  if (last !== undefined) yield last;
}

/** Where in a field the parser is: at its beginning, in plain text, between quotes, or after the closing one. */
type Place = 'beginning' | 'plain' | 'quoted' | 'closed';

class CsvParser {
  #line = 1;
  #place: Place = 'beginning';
  #field = '';
  #length = 0;
  #record: { line: number; fields: string[]; problem?: string } = { line: 1, fields: [] };

  /** @returns The record that the character ends. */
  take(character: string): CsvRecord | undefined {
    if (character === '\n') this.#line++;
    if (++this.#length > LONGEST_RECORD) {
      this.#problem(`It is longer than ${LONGEST_RECORD} characters. Is a closing quote missing?`);
      this.#place = 'plain'; // so that the next line break ends the record
      this.#field = '';
    }
    if (this.#place === 'quoted') this.#takeQuoted(character);
    else if (character === '"') this.#openQuote();
    else if (character === ',') this.#endField();
    else if (character === '\n') return this.#endRecord();
    else if (character !== '\r' && character !== '\uFEFF') this.#takePlain(character);
    return undefined;
  }

  end(): CsvRecord | undefined {
    if (this.#place === 'quoted') this.#problem('A quoted field is not closed before the file ends.');
    return this.#endRecord();
  }

  #takeQuoted(character: string): void {
    if (character === '"') this.#place = 'closed';
    else this.#field += character;
  }

  #openQuote(): void {
    if (this.#place === 'plain') {
      this.#problem(
        'A quote stands inside a field that does not begin with one. Quote the whole field and double the quote.',
      );
    } else {
      if (this.#place === 'closed') this.#field += '"'; // two quotes within quotes are one
      this.#place = 'quoted';
    }
  }

  #takePlain(character: string): void {
    if (this.#place === 'closed')
      this.#problem('Text follows a closing quote. Double the quotes within a quoted field.');
    this.#place = 'plain';
    this.#field += character;
  }

  #endField(): void {
    this.#record.fields.push(this.#field);
    this.#field = '';
    this.#place = 'beginning';
  }

  /** Lines without anything on them are no records. */
  #endRecord(): CsvRecord | undefined {
    const isBlank =
      this.#place === 'beginning' && this.#record.fields.length === 0 && this.#record.problem === undefined;
    this.#endField();
    const record = this.#record;
    this.#record = { line: this.#line, fields: [] };
    this.#length = 0;
    return isBlank ? undefined : record;
  }

  #problem(problem: string): void {
    this.#record.problem ??= problem;
  }
}
