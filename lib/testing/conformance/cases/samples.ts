const BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

/** Payloads that wire forms like to change. */
export const PAYLOADS: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['false', false],
  ['zero', 0],
  ['a large number', Number.MAX_SAFE_INTEGER],
  ['a fraction', 0.1],
  ['an empty string', ''],
  ['one character', 'a'],
  ['all bytes as base64', Buffer.from(BYTES).toString('base64')],
  ['all bytes as characters', String.fromCharCode(...BYTES)],
  ['emoji and other scripts', '👩‍👩‍👧 Ünïcödé 日本語 עברית'],
  ['line breaks and quotes', 'a\r\nb\t"c"\\d\u2028\u2029'],
  ['an empty object', {}],
  ['an empty array', []],
  ['nesting', { a: [{ b: { c: [null, { d: '' }] } }] }],
  ['names of the wire form', { id: 'x', type: 'y', data: 'z', specversion: '1.0', __proto__x: 1 }],
  ['64 kB', 'x'.repeat(65_536)],
];

/** Names around the edges of the patterns below. */
export const NAMES = [
  'order',
  'order.placed',
  'order.paid',
  'order.placed.twice',
  'a.order.placed',
  'orders.placed',
  'order:placed',
  'after:signup',
  'after:signup:mail',
  'after.signup',
  'before:signup',
] as const;

/** Patterns, each with every one of these names that it matches. */
export const PATTERNS: readonly (readonly [pattern: string, matches: readonly string[]])[] = [
  ['order.placed', ['order.placed']],
  ['order.*', ['order.placed', 'order.paid']],
  ['order.**', ['order.placed', 'order.paid', 'order.placed.twice']],
  ['*.placed', ['order.placed', 'orders.placed']],
  ['after:*', ['after:signup']],
  ['after:**', ['after:signup', 'after:signup:mail']],
  ['**', NAMES],
];

/** Texts that are hard on keys, subjects and protocols. */
export const ODD_TEXTS: readonly string[] = [
  'with spaces and\ttabs',
  'line\nbreaks\r\n',
  '{braces} [brackets] #?&=%00',
  'colons:dots.slashes/back\\slashes',
  'quotes "\'`',
  '日本語 👩‍👩‍👧 ü',
  '$1,-~|>',
  '123456',
  'l'.repeat(400),
];
