/** Dead letters that are resolved or discarded are kept for a look back, up to this many per service. */
export const CLOSED_LIMIT = 1000;
