import type { Table } from '../harness/table.js';
import { curves } from './curves.js';
import { inprocess } from './inprocess.js';
import { memory } from './memory.js';
import { redis } from './redis.js';

/** Every table, in the order of the report. */
export const tables: readonly Table[] = [...inprocess, ...memory, ...redis, ...curves];
