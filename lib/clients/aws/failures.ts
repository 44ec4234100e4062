/** One entry of a batch that was refused, while others of it may have been taken. */
export class EntryError extends Error {
  /** As the SDK has it in its own errors: whose fault it is. */
  readonly $fault: 'client' | 'server';

  constructor(
    /** The reason in one word, such as `ReceiptHandleIsInvalid`. */
    override readonly name: string,
    message: string | undefined,
    senderFault: boolean | undefined,
  ) {
    super(message ?? name);
    this.$fault = senderFault === true ? 'client' : 'server';
  }
}

/** What the errors of the AWS SDK tell, where they come from the service. */
interface ServiceFault {
  readonly name?: string;
  readonly $fault?: 'client' | 'server';
  readonly $retryable?: object;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const MISSING = /QueueDoesNotExist|NonExistentQueue|NotFound/;
/** Refused for the moment: too much at once, a queue that is being deleted, or credentials that are renewed. */
const PASSING =
  /Throttl|OverLimit|LimitExceeded|SlowDown|QueueDeletedRecently|RequestTimeout|ExpiredToken|Unavailable/i;

/** Whether the queue or topic is not there. */
export function isMissing(error: unknown): boolean {
  return MISSING.test((error as ServiceFault).name ?? '');
}

/** Whether the same request may be taken later: no answer, trouble of the service, too much at once. */
export function isPassing(error: unknown): boolean {
  const { name = '', $fault, $retryable, $metadata } = error as ServiceFault;
  if (name === 'CredentialsProviderError') return false;
  if ($fault !== 'client' || $retryable !== undefined || PASSING.test(name)) return true;
  return $metadata?.httpStatusCode === 429;
}
