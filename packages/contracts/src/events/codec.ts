import { decodeHeaders, type EventHeaders, utf8 } from '../cloudevents.js';
import { type EventOf, type EventType, eventSchemas, UndecodableRecord } from './registry.js';

export function encodeEvent<T extends EventType>(_type: T, data: EventOf<T>): Buffer {
  return Buffer.from(JSON.stringify(data), 'utf8');
}

export type DecodedEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly headers: EventHeaders; readonly data: EventOf<K> };
}[T];

/** Reads a record of any type and version that was ever published. Throws UndecodableRecord and nothing else. */
export function decodeEvent(
  headers: Readonly<Record<string, Uint8Array | string | undefined>>,
  value: Uint8Array | null,
): DecodedEvent {
  const event = decodeHeaders(headers);
  if (!event) throw new UndecodableRecord('no_event_headers', 'the record has no CloudEvents headers');
  const { type } = event;
  if (!isEventType(type))
    throw new UndecodableRecord('unknown_type', `unknown event type ${type.slice(0, 80)}`);
  return { type, headers: event, data: decodeData(type, value) } as DecodedEvent;
}

/** What a record of this type says, for who asks for nothing else of its headers. Throws UndecodableRecord and nothing else. */
export function decodeData<T extends EventType>(type: T, value: Uint8Array | null): EventOf<T> {
  let json: unknown;
  try {
    json = JSON.parse(value === null ? '' : utf8(value));
  } catch {
    throw new UndecodableRecord('not_json', `the value of ${type} is not JSON`);
  }
  const parsed = eventSchemas[type].safeParse(json);
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => `/${issue.path.join('/')}`).join(', ');
    // Paths only: the values may be a customer's text or number.
    throw new UndecodableRecord('schema_mismatch', `${type} does not fit its schema at ${where}`);
  }
  return parsed.data as EventOf<T>;
}

/** The data of a record that decodeEvent accepted before: nothing is checked a second time. */
export function rereadEvent<T extends EventType>(_type: T, value: Uint8Array): EventOf<T> {
  return JSON.parse(utf8(value)) as EventOf<T>;
}

function isEventType(type: string): type is EventType {
  return Object.hasOwn(eventSchemas, type);
}
