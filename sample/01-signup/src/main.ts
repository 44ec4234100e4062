import { join } from 'node:path';
import { backendFor } from './backend.js';
import { run } from './program.js';

await run({
  command: 'npm start',
  dataDirFor: () => join(import.meta.dirname, '../var'),
  backendFor,
});
