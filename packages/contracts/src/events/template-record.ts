import { encodeHeaders } from '../cloudevents.js';
import { partitionFor } from '../partition.js';
import { encodeEvent } from './codec.js';
import type { TemplateEvent } from './template.js';

const TYPE = 'mersal.template.event.v1';

/** The record of a template event: by its key, so that all of a key come in order. */
export function templateEventRecord(
  event: TemplateEvent,
  to: { readonly topic: string; readonly partitions: number; readonly source: string },
) {
  return {
    topic: to.topic,
    partition: partitionFor(event.key, to.partitions),
    key: event.key,
    value: encodeEvent(TYPE, event),
    headers: encodeHeaders({
      id: `${event.producer}/${event.sequence}`,
      type: TYPE,
      source: to.source,
      time: event.at,
      subject: encodeURIComponent(event.key),
    }),
  };
}
