import type { Table } from '../harness/table.js';
import { inprocess } from './inprocess.js';

/** Every table, in the order of the report. */
export const tables: readonly Table[] = [...inprocess];
