/** CloudEvents 1.0 in Kafka's binary mode: the attributes are headers, the data is the record's value. */
export interface EventHeaders {
  /** Unique together with the source; equal for a record that is published twice. */
  readonly id: string;
  /** `mersal.<what>.v<version>` */
  readonly type: string;
  /** The service that published it. */
  readonly source: string;
  /** When it happened, in ms since 1970. */
  readonly time: number;
  /** The restaurant, or the cache key. */
  readonly subject?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Trace context of the replay or the redrive that published it: a cause besides its own trace. */
  readonly operation?: string;
}

/** The header of `operation`. */
export const OPERATION_TRACEPARENT = 'operation-traceparent';

export function encodeHeaders(event: EventHeaders): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: event.id,
    ce_type: event.type,
    ce_source: event.source,
    ce_time: new Date(event.time).toISOString(),
    'content-type': 'application/json',
  };
  if (event.subject !== undefined) headers['ce_subject'] = event.subject;
  if (event.traceparent !== undefined) headers['traceparent'] = event.traceparent;
  if (event.tracestate !== undefined) headers['tracestate'] = event.tracestate;
  if (event.operation !== undefined) headers[OPERATION_TRACEPARENT] = event.operation;
  return headers;
}

/** Bytes as text, without a copy of them. */
export function utf8(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('utf8');
}

/** The event's attributes, or undefined when a mandatory header is missing or is no time. */
export function decodeHeaders(
  headers: Readonly<Record<string, Uint8Array | string | undefined>>,
): EventHeaders | undefined {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return value === undefined || typeof value === 'string' ? value : utf8(value);
  };
  const id = text('ce_id');
  const type = text('ce_type');
  const source = text('ce_source');
  const time = Date.parse(text('ce_time') ?? '');
  if (id === undefined || type === undefined || source === undefined || Number.isNaN(time)) return undefined;
  const subject = text('ce_subject');
  const traceparent = text('traceparent');
  const tracestate = text('tracestate');
  const operation = text(OPERATION_TRACEPARENT);
  return {
    id,
    type,
    source,
    time,
    ...(subject === undefined ? {} : { subject }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
    ...(operation === undefined ? {} : { operation }),
  };
}
