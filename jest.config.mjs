const transform = {
  '\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
      },
    },
  ],
};

/** Relative imports are written as Node reads them, with `.js`; the sources beside the tests end in `.ts`. */
const sources = {
  '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'],
  '^nestjs-durable-events$': '<rootDir>/lib/index.ts',
  '^nestjs-durable-events/([^/]+)$': '<rootDir>/lib/$1.ts',
};

const common = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/sample/.*/dist/'],
};

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...common,
      displayName: 'nest12',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/package/', '<rootDir>/test/types/'],
      moduleNameMapper: sources,
      globals: { NEST_MAJOR: 12 },
    },
    {
      ...common,
      displayName: 'nest11',
      testMatch: [
        '<rootDir>/test/nest/**/*.spec.ts',
        '<rootDir>/test/microservices/{events-transport,plain-services}.spec.ts',
      ],
      moduleNameMapper: {
        ...sources,
        '^@nestjs/(common|core|microservices|platform-express|testing)(/.*)?$':
          '<rootDir>/test/nest11/node_modules/@nestjs/$1$2',
      },
      globals: { NEST_MAJOR: 11 },
    },
    {
      ...common,
      displayName: 'package',
      testMatch: ['<rootDir>/test/{package,types}/**/*.spec.ts'],
      moduleNameMapper: sources,
    },
  ],
  globalSetup: '<rootDir>/test/support/services/provide.ts',
  reporters: ['default', '<rootDir>/test/support/closing-reporter.mjs'],
  testTimeout: 20_000,
  maxWorkers: 2,
};
