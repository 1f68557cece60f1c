import { z } from 'zod';
import { OPERATION_TRACEPARENT } from './cloudevents.js';
import { type EventType, eventSchemas } from './events/registry.js';
import { topicNames, topicSettings } from './topics.js';

/** JSON Schema 2020-12 of every event type. */
export function jsonSchemas(): Record<EventType, unknown> {
  const entries = Object.entries(eventSchemas).map(([type, schema]) => [
    type,
    { $id: `https://mersal.invalid/schemas/${type}.json`, title: type, ...z.toJSONSchema(schema) },
  ]);
  return Object.fromEntries(entries) as Record<EventType, unknown>;
}

const carries: Record<
  keyof ReturnType<typeof topicNames>,
  { key: string; types: EventType[]; text: string }
> = {
  send: {
    key: 'restaurantId',
    types: ['mersal.send.requested.v1'],
    text: 'Accepted sends, scheduled ones too (header not-before).',
  },
  retry: {
    key: 'restaurantId',
    types: ['mersal.send.retry.v1', 'mersal.send.redrive.v1'],
    text: 'Attempts to repeat, and dead messages put back. Co-assigned with the sends.',
  },
  callbacks: {
    key: 'restaurantId',
    types: ['mersal.callback.received.v1'],
    text: 'Verified status callbacks. Co-assigned with the sends.',
  },
  dead: {
    key: 'restaurantId',
    types: ['mersal.send.requested.v1'],
    text: 'Sends given up and records that cannot be read: the original bytes, the reason in dead-* headers.',
  },
  outcomes: {
    key: 'restaurantId',
    types: ['mersal.message.outcome.v1'],
    text: 'Every step of every message, at least once.',
  },
  templateEvents: {
    key: 'cache key',
    types: ['mersal.template.event.v1'],
    text: 'Look-ups and creations of the template cache.',
  },
  templateAlerts: {
    key: 'cache key, or *',
    types: ['mersal.template.alert.v1'],
    text: 'Spikes of misses, with their diagnosis.',
  },
};

/** The AsyncAPI 3.0 document of all topics, generated from the same schemas that decode. */
export function asyncApiDocument(): unknown {
  const names = topicNames();
  const settings = new Map(
    topicSettings(names, { partitions: 48, replication: 3 }).map((topic) => [topic.topic, topic]),
  );
  const messages = Object.fromEntries(
    Object.entries(jsonSchemas()).map(([type, schema]) => [
      type,
      {
        name: type,
        contentType: 'application/json',
        headers: { $ref: '#/components/schemas/cloudevents-headers' },
        payload: { schemaFormat: 'application/schema+json;version=draft-2020-12', schema },
      },
    ]),
  );
  const channels = Object.fromEntries(
    (Object.keys(carries) as (keyof typeof carries)[]).map((role) => {
      const { key, types, text } = carries[role];
      const topic = settings.get(names[role]);
      return [
        role,
        {
          address: names[role],
          description: `${text} Key: ${key}.`,
          messages: Object.fromEntries(
            types.map((type) => [type, { $ref: `#/components/messages/${type}` }]),
          ),
          bindings: {
            kafka: {
              topic: names[role],
              partitions: topic?.partitions,
              replicas: topic?.replication,
              topicConfiguration: { 'retention.ms': Number(topic?.config['retention.ms']) },
            },
          },
        },
      ];
    }),
  );
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Mersal',
      version: '1.0.0',
      description:
        'The events that the services exchange over Kafka: CloudEvents in binary mode, JSON values.',
    },
    channels,
    components: {
      messages,
      schemas: {
        'cloudevents-headers': {
          type: 'object',
          required: ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time'],
          properties: {
            ce_specversion: { const: '1.0' },
            ce_id: { type: 'string' },
            ce_type: { enum: Object.keys(eventSchemas) },
            ce_source: { type: 'string' },
            ce_time: { type: 'string', format: 'date-time' },
            ce_subject: { type: 'string' },
            traceparent: { type: 'string', description: 'W3C trace context' },
            [OPERATION_TRACEPARENT]: {
              type: 'string',
              description: 'trace context of the replay or the redrive that published it',
            },
          },
        },
      },
    },
  };
}
