import { Redis } from 'ioredis';

/** The server beside what is measured. It is emptied before and after each case. */
export class Server {
  readonly #client: Redis;

  private constructor(url: string) {
    this.#client = new Redis(url);
  }

  static async use<T>(url: string, work: (server: Server) => Promise<T>): Promise<T> {
    const server = new Server(url);
    try {
      await server.#client.flushall();
      return await work(server);
    } finally {
      await server.#client.flushall();
      server.#client.disconnect();
    }
  }

  /** Processor time it has used so far. */
  async cpuNs(): Promise<number> {
    const info = await this.#client.info('cpu');
    const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
      Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)![1]),
    );
    return seconds.reduce((sum, each) => sum + each, 0) * 1e9;
  }
}
