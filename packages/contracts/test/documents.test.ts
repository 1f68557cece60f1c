import { asyncApiDocument, eventSchemas, jsonSchemas, topicNames, topicSettings } from '@mersal/contracts';
import { describe, expect, it } from 'vitest';

const DAY_MS = 86_400_000;

describe('topics', () => {
  const names = topicNames('orders');
  const settings = topicSettings(names, { partitions: 12, replication: 3 });
  const config = (topic: string) => settings.find((each) => each.topic === topic)?.config;

  it('derive from the name of the queue', () => {
    expect(names).toMatchObject({ send: 'orders', retry: 'orders.retry', dead: 'orders.dead' });
    expect(topicNames().send).toBe('whatsapp-send');
  });
  it('are all there, with one count of partitions', () => {
    expect(settings.map((topic) => topic.topic)).toHaveLength(Object.values(names).length);
    expect(new Set(settings.map((topic) => topic.topic))).toEqual(new Set(Object.values(names)));
    expect(new Set(settings.map((topic) => topic.partitions))).toEqual(new Set([12]));
  });
  it('keep sends for 7 days and dead letters for 30', () => {
    expect(Number(config(names.send)?.['retention.ms'])).toBe(7 * DAY_MS);
    expect(Number(config(names.dead)?.['retention.ms'])).toBe(30 * DAY_MS);
  });
  it('take a dead letter of the largest send, with its reason', () => {
    expect(Number(config(names.dead)?.['max.message.bytes'])).toBeGreaterThan(
      Number(config(names.send)?.['max.message.bytes']),
    );
  });
  it('demand two replicas where there are three', () => {
    expect(config(names.send)?.['min.insync.replicas']).toBe('2');
    const [alone] = topicSettings(names, { partitions: 1, replication: 1 });
    expect(alone?.config['min.insync.replicas']).toBe('1');
  });
  it('judge template events by append time', () => {
    expect(config(names.templateEvents)?.['message.timestamp.type']).toBe('LogAppendTime');
  });
});

describe('the AsyncAPI document', () => {
  const document = asyncApiDocument() as {
    channels: Record<string, { address: string; messages: Record<string, { $ref: string }> }>;
    components: { messages: Record<string, unknown> };
  };
  const channels = Object.values(document.channels);

  it('has every topic', () => {
    expect(new Set(channels.map((channel) => channel.address))).toEqual(new Set(Object.values(topicNames())));
  });
  it('says of every event type where it goes', () => {
    const carried = new Set(channels.flatMap((channel) => Object.keys(channel.messages)));
    expect([...carried].toSorted()).toEqual(Object.keys(eventSchemas).toSorted());
  });
  it('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#\/[^"]+)"/g)].map(
      (match) => match[1] ?? '',
    );
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) {
      const target = reference
        .slice(2)
        .split('/')
        .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
      expect(target, reference).toBeTypeOf('object');
    }
  });
});

describe('JSON Schemas', () => {
  it.each(Object.entries(jsonSchemas()))('%s names itself and what is mandatory', (type, schema) => {
    expect(schema).toMatchObject({ title: type, type: 'object', required: expect.any(Array) });
  });
});
