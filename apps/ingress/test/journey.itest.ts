import { decodeEvent, partitionFor, topicNames } from '@mersal/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Fixture, openFixture, PARTITIONS, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('bayt-al-shawarma');
}, 120_000);
afterAll(() => fixture?.close());

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

it('a send is answered with 202 and stands in its restaurant’s partition, whole', async () => {
  const sendAt = new Date(Date.now() + 3_600_000).toISOString();
  const answer = await fixture.send(
    tenant,
    {
      phoneNumber: 'whatsapp:+966501234567',
      text: 'طلبك جاهز 🥙',
      conversationId: 'customer-7',
      priority: 9,
      sendAt,
      metadata: { orderId: '١٠٢', total: 48.5 },
    },
    { traceparent: TRACEPARENT },
  );
  expect(answer).toMatchObject({
    status: 202,
    body: {
      status: 'queued',
      restaurantId: 'bayt-al-shawarma',
      conversationId: 'customer-7',
      priority: 9,
      sendAt,
      metadata: { orderId: '١٠٢', total: 48.5 },
    },
  });
  const id = answer.body['id'] as string;
  expect(answer.headers.get('location')).toBe(`/api/messages/${id}`);

  const record = (await fixture.records(topicNames(fixture.queue).send)).find((one) => one.event?.id === id);
  expect(record).toMatchObject({
    partition: partitionFor('bayt-al-shawarma', PARTITIONS),
    event: { id, type: 'mersal.send.requested.v1', subject: 'bayt-al-shawarma' },
  });
  expect(record?.key?.toString()).toBe('bayt-al-shawarma');
  expect(record?.headers['not-before']?.toString()).toBe(String(Date.parse(sendAt)));
  expect(record?.headers['traceparent']?.toString()).toContain('0af7651916cd43dd8448eb211c80319c');
  expect(decodeEvent(record?.headers ?? {}, record?.value ?? null).data).toMatchObject({
    messageId: id,
    to: 'whatsapp:+966501234567',
    from: tenant.fromNumbers[0],
    content: { kind: 'text', text: 'طلبك جاهز 🥙' },
  });
  expect(
    fixture.service.lines.some((line) =>
      line.includes(`📤 Enqueued job ${id} for restaurant bayt-al-shawarma`),
    ),
  ).toBe(true);
});
