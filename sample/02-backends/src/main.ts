import { join } from 'node:path';
import { run } from '../../01-signup/src/program.js';
import { advice, backendFor, choose } from './choose.js';

await run({
  command: 'npm run start:backends',
  // One for each backend, so that the same people can sign up with all of them.
  dataDirFor: (environment) => join(import.meta.dirname, '../../../var', choose(environment).name),
  backendFor,
  advice,
});
