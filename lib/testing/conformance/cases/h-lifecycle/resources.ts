import assert from 'node:assert/strict';
import type { ConformanceCase } from '../../rig.js';
import { range } from '../support.js';

/** What is left when a backend is closed. */
export const resourceCases: readonly ConformanceCase[] = [
  {
    name: 'leaves nothing open that keeps its process alive',
    needs: ['fork'],
    run: async (rig) => {
      const peer = await rig.fork('record');
      await peer.publish(range(10));
      await rig.until('the events', () => peer.calls.length > 0);
      await peer.close();
      const how = await Promise.race([peer.ended, rig.settle(rig.timeoutMs)]);
      assert.equal(how, 0, how === undefined ? 'The process did not end.' : `It ended with ${how}.`);
    },
  },
  {
    name: 'leaves a client open that it was given',
    needs: ['borrow'],
    run: async (rig) => {
      const { backend, use, dispose } = await rig.options.borrow!(rig.context());
      try {
        const { bus } = rig.adopt(backend);
        bus.on('x', rig.handler(), { id: 'h' });
        await bus.start();
        await bus.emitAsync('x', 1);
        await rig.until('the event', () => rig.calls.length === 1);
        await bus.close();
        await assert.doesNotReject(use(), 'The client does not work any more.');
      } finally {
        await rig.close();
        await dispose();
      }
    },
  },
];
