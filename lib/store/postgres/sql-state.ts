/** What a constraint refused because it is there already. */
export const UNIQUE_VIOLATION = /^23505$/;
/** What is wrong with the data itself, or too much of it. */
export const BAD_DATA = /^(22|54)...$/;

/** Whether PostgreSQL answered so. Libraries wrap what their driver reports. */
export function hasSqlState(error: unknown, state: RegExp): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, cause, driverError, meta } = error as Readonly<Record<string, unknown>>;
  if (typeof code === 'string' && state.test(code)) return true;
  return [cause, driverError, meta].some((inner) => hasSqlState(inner, state));
}
