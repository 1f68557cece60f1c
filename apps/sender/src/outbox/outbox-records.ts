import {
  encodeEvent,
  encodeHeaders,
  joinMessageId,
  type MessageOutcome,
  type OutcomeState,
  partitionFor,
  type SendRetry,
  type TopicNames,
} from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';
import type { DeadEntry, OutboxEntry } from '@mersal/ledger';

export interface Addressing {
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly source: string;
}

/** States whose event tells of an attempt, too. */
const AFTER_ATTEMPT: ReadonlySet<string> = new Set(['sent', 'retrying', 'unknown', 'dead']);

/**
 * The records of one outbox entry. All ids derive from (message, redrive, attempt, state), so that what is published
 * twice is recognised.
 */
export function outboxRecords(entry: OutboxEntry, to: Addressing): OutRecord[] {
  const records: OutRecord[] = [];
  if (AFTER_ATTEMPT.has(entry.state) && typeof entry.detail['startedAt'] === 'number') {
    records.push(outcome(entry, to, 'attempted', entry.detail['startedAt']));
  }
  records.push(outcome(entry, to, entry.state as OutcomeState, entry.at));
  if (entry.state === 'retrying') records.push(retry(entry, to));
  if (entry.state === 'dead') records.push(dead(entry, to));
  return records;
}

function outcome(entry: OutboxEntry, to: Addressing, state: OutcomeState, at: number): OutRecord {
  const { detail } = entry;
  const data: MessageOutcome = {
    restaurantId: entry.restaurantId,
    messageId: joinMessageId(entry.u, entry.tag),
    conversationId: entry.conversation === '' ? 'none' : entry.conversation,
    redrive: entry.redrive,
    attempt: entry.attempt,
    state,
    at,
    ...pick(detail, 'sid', 'accountSid', 'error', 'startedAt', 'notBefore'),
  };
  return {
    topic: to.topics.outcomes,
    partition: partitionFor(entry.restaurantId, to.partitions),
    key: entry.restaurantId,
    value: encodeEvent('mersal.message.outcome.v1', data),
    headers: headersOf(entry, to, 'mersal.message.outcome.v1', state, at),
  };
}

function retry(entry: OutboxEntry, to: Addressing): OutRecord {
  const error = entry.detail['error'] as SendRetry['lastError'];
  const notBefore = Number(entry.detail['notBefore'] ?? entry.at);
  const data: SendRetry = {
    restaurantId: entry.restaurantId,
    messageId: joinMessageId(entry.u, entry.tag),
    redrive: entry.redrive,
    attempt: entry.attempt,
    notBefore,
    ...(error === undefined
      ? {}
      : { lastError: { class: error.class, ...(error.code === undefined ? {} : { code: error.code }) } }),
  };
  return {
    topic: to.topics.retry,
    partition: partitionFor(entry.restaurantId, to.partitions),
    key: entry.restaurantId,
    value: encodeEvent('mersal.send.retry.v1', data),
    headers: {
      ...headersOf(entry, to, 'mersal.send.retry.v1', 'retry', entry.at),
      'not-before': String(notBefore),
    },
  };
}

/** The original bytes, key and headers; the reason in headers of its own. */
function dead(entry: OutboxEntry, to: Addressing): OutRecord {
  const error = entry.detail['error'] as { class?: string; code?: number } | undefined;
  return {
    topic: to.topics.dead,
    partition: partitionFor(entry.restaurantId, to.partitions),
    key: entry.restaurantId,
    value: entry.record,
    headers: {
      ...entry.headers,
      'dead-reason': (entry.detail['reason'] as string | undefined) ?? 'provider_rejected',
      'dead-class': error?.class ?? '',
      'dead-code': error?.code === undefined ? '' : String(error.code),
      'dead-attempts': String(entry.attempt),
      'dead-redrive': String(entry.redrive),
      'dead-at': new Date(entry.at).toISOString(),
      'dead-message-id': joinMessageId(entry.u, entry.tag),
    },
  };
}

/** A record that could not be filed, as it was. */
export function deadRecord(
  entry: DeadEntry,
  to: Addressing,
  original: { readonly topic: string },
): OutRecord {
  return {
    topic: to.topics.dead,
    partition: entry.partition,
    key: entry.key,
    value: entry.value,
    headers: {
      ...decodedHeaders(entry.headers),
      'dead-reason': entry.reason,
      'dead-topic': original.topic,
      'dead-partition': String(entry.partition),
      'dead-offset': entry.offset,
    },
  };
}

function decodedHeaders(headers: Readonly<Record<string, string>>): Record<string, string | Buffer> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value.startsWith('base64:') ? Buffer.from(value.slice('base64:'.length), 'base64') : value,
    ]),
  );
}

function headersOf(
  entry: OutboxEntry,
  to: Addressing,
  type: string,
  state: string,
  time: number,
): Record<string, string> {
  const traceparent = entry.headers['traceparent'];
  return encodeHeaders({
    id: `${joinMessageId(entry.u, entry.tag)}/${entry.redrive}/${entry.attempt}/${state}`,
    type,
    source: to.source,
    time,
    subject: entry.restaurantId,
    ...(traceparent === undefined ? {} : { traceparent }),
  });
}

/** The named fields, where the detail has them. */
function pick(
  detail: Readonly<Record<string, unknown>>,
  ...keys: readonly string[]
): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const key of keys) if (detail[key] !== undefined) picked[key] = detail[key];
  return picked;
}
