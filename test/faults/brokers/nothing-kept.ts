import type { BrokerView } from './broker-view.js';

/** A broker that keeps nothing: there is nothing to see. */
export class NothingKept implements BrokerView {
  constructor(readonly namespace: string) {}

  async settled(): Promise<boolean> {
    return true;
  }

  async outstanding(): Promise<[]> {
    return [];
  }

  async deadLetters(): Promise<[]> {
    return [];
  }

  async whereabouts(): Promise<string> {
    return 'nowhere';
  }

  /** @throws always: only services are connected to it. */
  async publish(): Promise<void> {
    throw new Error('Let a service publish.');
  }

  async close(): Promise<void> {}
}
