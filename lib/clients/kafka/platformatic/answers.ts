/** An error of the protocol, as the client wraps it. */
interface Answered {
  readonly response?: unknown;
  readonly errors?: readonly { readonly apiId?: string }[];
}

/** The names of the errors in an answer, such as `REBALANCE_IN_PROGRESS`; none where no broker answered. */
export function namesOf(error: unknown): readonly string[] {
  const { errors = [] } = error as Answered;
  return errors.flatMap(({ apiId }) => apiId ?? []);
}

/** Whether a broker answered with this error, or one of these. */
export function isAnswer(error: unknown, ...names: readonly string[]): boolean {
  return namesOf(error).some((name) => names.includes(name));
}

/** What a broker answered, errors of single topics and partitions included. @throws whatever is no answer. */
export async function answerOf<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    const { response } = error as Answered;
    if (response === undefined) throw error;
    return response as T;
  }
}

const NAMES: Readonly<Record<number, string>> = {
  1: 'OFFSET_OUT_OF_RANGE',
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  7: 'REQUEST_TIMED_OUT',
  8: 'BROKER_NOT_AVAILABLE',
  9: 'REPLICA_NOT_AVAILABLE',
  10: 'MESSAGE_TOO_LARGE',
  13: 'NETWORK_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  36: 'TOPIC_ALREADY_EXISTS',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  46: 'DUPLICATE_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  56: 'KAFKA_STORAGE_ERROR',
  59: 'UNKNOWN_PRODUCER_ID',
  74: 'FENCED_LEADER_EPOCH',
  75: 'UNKNOWN_LEADER_EPOCH',
  78: 'OFFSET_NOT_AVAILABLE',
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
};

/** The name of an error code, or the code itself. */
export function nameOf(code: number): string {
  return NAMES[code] ?? `error ${code}`;
}
