import { EventConfigurationError } from '../errors.js';
import type { JsonSchema } from '../schema/json-schema.js';
import { type AsyncApiSource, type DescribedEvent, describedEvents } from './described-events.js';
import { headersOf, payloadOf } from './message.js';

export type { AsyncApiSource };

/** Facts of an AsyncAPI document that no code tells. */
export interface AsyncApiOptions {
  /** Name of the service. */
  readonly title: string;
  /** Version of the document, which is that of the service's interface. */
  readonly version: string;
  readonly description?: string;
  /** Server Objects by name, as AsyncAPI 3.0 has them, such as `{ main: { host: 'localhost:4222', protocol: 'nats' } }`. */
  readonly servers?: Readonly<Record<string, JsonSchema>>;
  /** Names of the events that this service sends. Default: those that are defined and have no handler here. */
  readonly sends?: readonly string[];
}

/** A document by AsyncAPI 3.0, as plain JSON. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly defaultContentType: 'application/json';
  readonly servers?: Readonly<Record<string, JsonSchema>>;
  readonly channels: Readonly<Record<string, JsonSchema>>;
  readonly operations: Readonly<Record<string, JsonSchema>>;
  readonly components: {
    readonly messages: Readonly<Record<string, JsonSchema>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}

/** A document, and what could not be described in it. */
export interface AsyncApiResult {
  readonly document: AsyncApiDocument;
  /** A sentence for each event whose payload is left open, and why. */
  readonly warnings: readonly string[];
}

/**
 * Describes events by AsyncAPI 3.0: one channel and one message for each type, an operation `receive` for each handler,
 * and `send` for what the service sends. Payloads are JSON Schemas of draft-07, headers the attributes of CloudEvents 1.0,
 * which are members beside `data` where a whole CloudEvent is the message.
 *
 * @param source A bus whose handlers are registered; or definitions, all of which are then sent.
 * @throws {EventConfigurationError} when title or version is missing, or `sends` names an unknown event.
 *
 * @example
 * const { document, warnings } = asyncApiDocument(app.get(EventBus), { title: 'shop', version: '1.0.0' });
 */
export function asyncApiDocument(source: AsyncApiSource, options: AsyncApiOptions): AsyncApiResult {
  const { title, version, description, servers } = options;
  assertText('title', title);
  assertText('version', version);
  const events = describedEvents(source);
  const sent = sentTypes(events, options.sends);
  const keyOf = uniqueKeys();
  const warnings: string[] = [];
  const channels: Record<string, JsonSchema> = {};
  const operations: Record<string, JsonSchema> = {};
  const messages: Record<string, JsonSchema> = {};
  const schemas: Record<string, JsonSchema> = {};
  for (const event of events) {
    const key = keyOf(event.type);
    const payload = payloadOf(event, `#/components/schemas/${key}`);
    if ('warning' in payload) warnings.push(payload.warning);
    else schemas[key] = payload.schema;
    messages[key] = messageOf(event, 'schema' in payload ? { $ref: `#/components/schemas/${key}` } : {});
    channels[key] = { address: event.type, messages: { [key]: { $ref: `#/components/messages/${key}` } } };
    const rest = {
      channel: { $ref: `#/channels/${key}` },
      messages: [{ $ref: `#/channels/${key}/messages/${key}` }],
    };
    for (const handler of event.handlers) {
      operations[keyOf(`receive.${event.type}.${handler}`)] = { action: 'receive', title: handler, ...rest };
    }
    if (sent.has(event.type)) operations[keyOf(`send.${event.type}`)] = { action: 'send', ...rest };
  }
  const document: AsyncApiDocument = {
    asyncapi: '3.0.0',
    info: { title, version, ...(description !== undefined && { description }) },
    defaultContentType: 'application/json',
    ...(servers !== undefined && { servers }),
    channels,
    operations,
    components: { messages, schemas },
  };
  return { document, warnings };
}

function messageOf(event: DescribedEvent, payload: JsonSchema): JsonSchema {
  const { type, version } = event;
  return {
    name: type,
    title: type,
    contentType: 'application/json',
    headers: headersOf(event),
    payload,
    correlationId: { location: '$message.header#/correlationid' },
    'x-event-version': version,
  };
}

function sentTypes(
  events: readonly DescribedEvent[],
  sends: readonly string[] | undefined,
): ReadonlySet<string> {
  if (sends === undefined) {
    const unhandled = events.filter(({ isDefined, handlers }) => isDefined && handlers.length === 0);
    return new Set(unhandled.map(({ type }) => type));
  }
  const unknown = sends.find((name) => !events.some(({ type }) => type === name));
  if (unknown === undefined) return new Set(sends);
  throw new EventConfigurationError(
    `asyncApiDocument() was told that '${unknown}' is sent, but no event is called so. Add its definition to the option 'schemas' of the module.`,
  );
}

/** Keys with the characters that AsyncAPI allows in them, one for each name. */
function uniqueKeys(): (name: string) => string {
  const taken = new Set<string>();
  return (name) => {
    const plain = name.replaceAll(/[^\w.-]/g, '_');
    let key = plain;
    for (let n = 2; taken.has(key); n++) key = `${plain}_${n}`;
    taken.add(key);
    return key;
  };
}

function assertText(option: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new EventConfigurationError(`asyncApiDocument() needs the option '${option}', a non-empty string.`);
}
