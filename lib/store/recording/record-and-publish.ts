import { toError } from '../../dispatch/failure.js';
import type { EmitReceipt } from '../../emit/publisher.js';
import type { Emitted } from '../../emit/recorder.js';
import type { SqlClient } from '../../sql-client.js';
import type { AppendResult } from '../event-store.js';
import { StoreRecorder } from './store-recorder.js';

/**
 * Mode `record`: an event is appended as `pending`, then published; then the store is told how that went. What a crash
 * in between leaves is `pending`: the backend may have it or not.
 */
export class RecordAndPublish extends StoreRecorder {
  assertCan(emitted: Emitted): void {
    const { event, options } = emitted.outgoing;
    this.host.publisher.assertCan(event, options);
    if (this.options.covers(emitted.event)) this.assertCanJoin(emitted);
  }

  protected async publishKept(
    emitted: Emitted,
    inline: (() => Promise<void>) | undefined,
  ): Promise<EmitReceipt> {
    const { event, outgoing } = emitted;
    const { transaction } = outgoing.options ?? {};
    if (transaction !== undefined) return this.#inTransaction(transaction, emitted, inline);
    const place = await this.appends.add(event, 'pending');
    let receipt: EmitReceipt;
    try {
      await inline?.();
      receipt = await this.host.publisher.publish(outgoing.event, outgoing.options);
    } catch (thrown) {
      await this.#failed(place, toError(thrown));
      throw thrown;
    }
    this.settlements.published(event.id);
    return receipt;
  }

  protected async publishAllKept(emitted: readonly Emitted[]): Promise<(EmitReceipt | Error)[]> {
    const results: (EmitReceipt | Error)[] = [];
    const kept: { readonly index: number; readonly place: AppendResult }[] = [];
    const keep = async (each: Emitted, index: number) => {
      try {
        if (each.outgoing.options?.transaction !== undefined) {
          results[index] = await this.publishKept(each, undefined);
        } else kept.push({ index, place: await this.appends.add(each.event, 'pending') });
      } catch (thrown) {
        results[index] = toError(thrown);
      }
    };
    await Promise.all(emitted.map(keep));
    if (kept.length === 0) return results;
    kept.sort((a, b) => a.index - b.index);
    const outgoing = kept.map(({ index }) => emitted[index]!.outgoing);
    const receipts = await this.host.publisher.publishAll(outgoing);
    const settle = async (result: EmitReceipt | Error, i: number) => {
      const { index, place } = kept[i]!;
      results[index] = result;
      if (result instanceof Error) await this.#failed(place, result);
      else this.settlements.published(place.id);
    };
    await Promise.all(receipts.map(settle));
    return results;
  }

  /**
   * Event and record are there when the transaction commits, or neither is. Published first: an event that the backend
   * refuses is then not in the store, whatever the caller makes of the error.
   */
  async #inTransaction(
    transaction: SqlClient,
    { event, outgoing }: Emitted,
    inline: (() => Promise<void>) | undefined,
  ): Promise<EmitReceipt> {
    await inline?.();
    const receipt = await this.host.publisher.publish(outgoing.event, outgoing.options);
    await this.appends.addIn(transaction, event, 'published');
    return receipt;
  }

  /** What became of an event that was there before is known already, and may be better. */
  async #failed({ id, duplicate }: AppendResult, error: Error): Promise<void> {
    if (duplicate !== true) await this.settlements.failed(id, error);
  }
}
