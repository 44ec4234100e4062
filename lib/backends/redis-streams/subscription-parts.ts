import type { DeadLetter, DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import type { BackendHost, EventDispatcher, KeyFailurePolicy } from '../backend.js';
import { Periodic } from '../shared/periodic.js';
import { Acks, acksOfStream } from './acks.js';
import { Broadcaster } from './broadcaster.js';
import type { Claim } from './claim.js';
import { Consumer } from './consumer.js';
import { Groups } from './groups.js';
import { Handover } from './handover.js';
import { shardStreamsOf, type Keys } from './keys.js';
import { Leases, type Member } from './leases.js';
import type { ResolvedOptions } from './options.js';
import { OrderedConsumer } from './ordering/ordered-consumer.js';
import { ShardLog } from './ordering/shard-log.js';
import type { ShardNumber } from './ordering/shard-number.js';
import { BlockingReader } from './reader.js';
import { Reclaimer } from './reclaimer.js';
import { Rejects } from './rejects.js';
import { Roster } from './roster.js';
import { Mover } from './schedule.js';
import { ServerClock } from './server-clock.js';
import { Settler } from './settler.js';
import { Suspects } from './suspects.js';
import { Trimmer } from './trimmer.js';
import { Upkeep } from './upkeep.js';
import { Workers } from './workers.js';

/** What a subscription is made of. */
export interface SubscriptionContext {
  readonly options: ResolvedOptions;
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly member: Member;
  readonly deadLetters: DeadLetterStore;
  /** The module's own store, which takes the place of that one. */
  readonly store: DeadLetterStore | undefined;
  readonly broadcast: boolean;
  /** How many shards there are. */
  readonly shardNumber: ShardNumber;
  /** What happens to the later events of a key while a failed one waits for its retry. */
  readonly onKeyFailure: KeyFailurePolicy;
  /** Knows what the handlers of this process listen to; absent when nobody does. */
  readonly listener: Pick<BackendHost, 'patterns' | 'handles'> | undefined;
  readonly dispatch: EventDispatcher;
  readonly report: (error: Error) => void;
  /** A dead letter that no handler made is about to be stored. */
  readonly deadLettered: (entry: DeadLetter, error: Error) => void;
}

/** What works together in a subscription. */
export interface SubscriptionParts {
  readonly leases: Leases;
  /** By stream; those of shards are the ordered consumer's. */
  readonly acks: ReadonlyMap<string, Acks>;
  readonly settler: Settler;
  readonly workers: Workers;
  readonly groups: Groups;
  readonly consumer: Consumer;
  readonly ordered: OrderedConsumer;
  readonly reclaimer: Reclaimer;
  /** Absent where no handler is to run in every process. */
  readonly broadcaster: Broadcaster | undefined;
  readonly renewal: Periodic;
  readonly upkeep: Upkeep;
}

/** Makes the parts and puts them together. Nothing runs yet. */
export function assemble(context: SubscriptionContext): SubscriptionParts {
  const { options, connection, keys, member, dispatch, report } = context;
  const { leaseMs, concurrency, namespace } = options;
  const streams = [keys.stream, keys.retry];
  const shards = shardStreamsOf(namespace, options.shards);
  const clock = new ServerClock();
  const groups = new Groups(connection, streams, shards, context.shardNumber, member, clock);
  const leases = new Leases(connection, member, clock, leaseMs);
  const acks = new Map(
    streams.map((stream) => {
      return [stream, new Acks(acksOfStream(connection, stream, member), leases, report)];
    }),
  );
  const settler = new Settler(connection, keys, member, leases, report, (delayMs) =>
    upkeep.expectDue(delayMs),
  );
  const { listener } = context;
  const roster = listener && new Roster(connection, keys, member, leaseMs, listener);
  const workers = new Workers({
    concurrency,
    dispatch: roster ? new Handover(dispatch, roster, member.group, report).dispatch : dispatch,
    leases,
    acks,
    settler,
    rejects: new Rejects(
      connection,
      settler,
      options.maxDeliveries,
      context.store,
      report,
      context.deadLettered,
    ),
    report,
  });
  const createGroups = () => groups.create();
  const consumer = new Consumer({
    keys,
    member,
    reader: new BlockingReader(connection, leaseMs / 2),
    clock,
    leaseMs,
    workers,
    createGroups,
    report,
  });
  /** Everything here that runs, or will as soon as there is a place. */
  function* startable(): Generator<Claim> {
    yield* leases.all();
    yield* ordered.chosen();
  }
  const suspects = new Suspects(options.maxDeliveries, startable);
  const ordered = new OrderedConsumer({
    log: new ShardLog(connection, keys, member, shards, leaseMs),
    streams: shards,
    moves: keys.shardMoves,
    reader: new BlockingReader(connection, leaseMs / 2),
    clock,
    leaseMs,
    policy: context.onKeyFailure,
    leases,
    settler,
    suspects,
    run: (claim) => workers.run(claim),
    onHandBack: (entries) => (settler.handedBack += entries),
    createGroups,
    report,
  });
  const reclaimer = new Reclaimer(
    connection,
    streams,
    member,
    clock,
    leases,
    leaseMs,
    suspects,
    // New events may fill this process for ever; what a dead one left has to get a turn nevertheless.
    () => Math.max(workers.room, concurrency - workers.buffered),
    (claims) => workers.accept(claims),
  );
  const mover = new Mover(connection, clock, [
    [keys.schedule, keys.scheduled, keys.stream],
    [keys.retrySchedule, keys.retryScheduled, keys.retry],
  ]);
  const trimmer = new Trimmer(connection, keys, shards, options.trimMinAgeMs);
  const renewal = new Periodic(() => leases.renew().then(() => leaseMs / 3), leaseMs / 10, report);
  const upkeep = new Upkeep({ mover, reclaimer, trimmer, roster, leaseMs, report });
  const broadcaster = context.broadcast ? broadcasterOf(context, shards) : undefined;
  return {
    leases,
    acks,
    settler,
    workers,
    groups,
    consumer,
    ordered,
    reclaimer,
    broadcaster,
    renewal,
    upkeep,
  };
}

function broadcasterOf(
  { connection, keys, dispatch, deadLetters, options, report }: SubscriptionContext,
  shards: readonly string[],
): Broadcaster {
  const reader = new BlockingReader(connection);
  const streams = [keys.stream, ...shards];
  return new Broadcaster(connection, streams, reader, dispatch, deadLetters, options.concurrency, report);
}
