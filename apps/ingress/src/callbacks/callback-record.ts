import { type CallbackReceived, encodeEvent, encodeHeaders, partitionFor } from '@mersal/contracts';
import type { OutRecord } from '@mersal/kafka';

/** A callback as it goes into the log; equal ids for one that Twilio repeats. */
export function callbackRecord(
  callback: CallbackReceived,
  place: { readonly topic: string; readonly partitions: number; readonly source: string },
  traceparent: string | undefined,
): OutRecord {
  const { restaurantId, messageId, attempt, sid, status, receivedAt } = callback;
  return {
    topic: place.topic,
    partition: partitionFor(restaurantId, place.partitions),
    key: restaurantId,
    value: encodeEvent('mersal.callback.received.v1', callback),
    headers: encodeHeaders({
      id: `${messageId}.${attempt}.${sid}.${status}`,
      type: 'mersal.callback.received.v1',
      source: place.source,
      time: receivedAt,
      subject: restaurantId,
      ...(traceparent === undefined ? {} : { traceparent }),
    }),
  };
}
