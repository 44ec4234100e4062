export { RecordingBackend } from './testing/recording-backend.js';
export { NoopBackend } from './testing/noop-backend.js';
export { settled, type SettledOptions } from './testing/settled.js';
export { describeBackend } from './testing/conformance/describe-backend.js';
export type {
  BackendFactory,
  BackendFactoryContext,
  ConformanceCapabilities,
  ConformanceOptions,
  ConformanceRunner,
} from './testing/conformance/options.js';
