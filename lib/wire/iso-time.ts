/*
 * Times as RFC 3339 text with milliseconds. Most events of a moment are of the same second, so the second seen last
 * is kept in both directions: making it anew costs ten times as much.
 */
const SECOND_LENGTH = '2026-01-31T23:59:59.'.length;
const FULL_LENGTH = '2026-01-31T23:59:59.999Z'.length;

let writtenSecond = Number.NaN;
let writtenText = '';
let readSecondMs = Number.NaN;
let readText = '';

/** @param ms Unix milliseconds. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== writtenSecond) {
    writtenText = new Date(ms).toISOString().slice(0, -4);
    writtenSecond = second;
  }
  const rest = ms - second * 1000;
  return `${writtenText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

/** @returns Unix milliseconds, or NaN when the text is no date. */
export function parseTime(text: string): number {
  if (text.length !== FULL_LENGTH || !text.endsWith('Z')) return Date.parse(text);
  const second = text.slice(0, SECOND_LENGTH);
  if (second !== readText) {
    const ms = Date.parse(text);
    if (Number.isNaN(ms)) return ms;
    readSecondMs = Math.floor(ms / 1000) * 1000;
    readText = second;
  }
  return readSecondMs + Number(text.slice(SECOND_LENGTH, -1));
}
