import type { EventRecorder, RecorderHost } from '../../emit/recorder.js';
import { EventValidationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { PublishFromStore } from './publish-from-store.js';
import { RecordAndPublish } from './record-and-publish.js';
import { type RecordingOptions, resolveRecording } from './recording-options.js';

/**
 * Makes what keeps the events of a bus, and has the store read them with the definitions of that bus.
 *
 * @throws {EventConfigurationError} naming the option that cannot be used.
 */
export function recorderFor(options: RecordingOptions, host: RecorderHost): EventRecorder {
  const resolved = resolveRecording(options, host.source);
  resolved.store.readAs(
    resolved.redacts ? (event) => presentRedacted(event, host) : (event) => host.present(event, false),
  );
  return resolved.mode === 'publish'
    ? new PublishFromStore(resolved, host)
    : new RecordAndPublish(resolved, host);
}

/** What stands in the place of a value need not fit the schema: such an event is handed out unchecked. */
async function presentRedacted(event: Event, host: RecorderHost): Promise<Event> {
  try {
    return await host.present(event, false);
  } catch (thrown) {
    if (thrown instanceof EventValidationError) return host.present(event, true);
    throw thrown;
  }
}
