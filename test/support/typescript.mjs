import { register } from 'node:module';

// For `node --import`: programs of tests in TypeScript, with the package's sources behind its name.
register('./typescript-hooks.mjs', import.meta.url);
