export { SqliteBackend } from './backends/sqlite/sqlite-backend.js';
export type { SqliteConnection } from './backends/sqlite/database.js';
export type { SqliteDriver, SqliteStatement, SqliteValue } from './backends/sqlite/driver.js';
export type { SqliteBackendOptions } from './backends/sqlite/options.js';
