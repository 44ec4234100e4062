import type { EventsModuleOptions } from '../../../../events-options.js';
import type { Instance } from '../../instances.js';
import type { Rig } from '../../rig.js';

/** A service with a healthy handler of `x`, and one of `x` and `y` that fails, with one retry, until it is mended. */
export async function mending(
  rig: Rig,
  options: EventsModuleOptions = {},
): Promise<Instance & { mend: () => void }> {
  let broken = true;
  const handler = rig.handler(() => {
    const root = Object.assign(new Error('the root'), { code: 'ECAUSE' });
    if (broken) throw new RangeError('broken', { cause: new Error('the cause', { cause: root }) });
  });
  const instance = await rig.start(
    (bus) => {
      bus.on('x', rig.handler(), { id: 'healthy' });
      const retry = { maxRetries: 1, initialBackoffMs: 10, backoffMultiplier: 1 };
      for (const type of ['x', 'y']) bus.on(type, handler, { id: 'broken', retry });
    },
    undefined,
    options,
  );
  return { ...instance, mend: () => (broken = false) };
}
