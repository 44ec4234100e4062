import type { TestServer } from './private-server.js';

/**
 * Somebody's server: tests may use it, but not stop it.
 *
 * @param refusal What those are told that try.
 */
export function externalServer(url: string, port: number, refusal: string): TestServer {
  const refuse = async (): Promise<never> => {
    throw new Error(refusal);
  };
  return {
    url,
    port,
    dir: '',
    pid: undefined,
    stop: async () => undefined,
    kill9: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
  };
}
