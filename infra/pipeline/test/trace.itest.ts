import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, settled } from './api.js';
import { receiveSpans, type ReceivedSpan, type SpanReceiver } from './span-receiver.js';

let receiver: SpanReceiver;
let pipeline: Pipeline;
beforeAll(async () => {
  receiver = await receiveSpans();
  pipeline = await startPipeline({ tenants: ['traced'], env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } });
}, 120_000);
afterAll(async () => {
  await pipeline?.stop();
  await receiver?.close();
});

it('one trace leads from the caller over the POST, Kafka and the provider to the callback', async () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const caller = '00f067aa0ba902b7';
  const tenant = pipeline.tenant('traced');
  const answer = await call(
    pipeline,
    tenant.apiKey,
    'POST',
    '/api/whatsapp/send',
    { phoneNumber: '+966501234567', text: 'طلبك في الطريق 🛵' },
    { traceparent: `00-${traceId}-${caller}-01` },
  );
  expect(answer.status).toBe(202);
  const message = await settled(pipeline, tenant, answer.body['id'] as string, ['delivered', 'read']);
  expect(message['traceId']).toBe(traceId);

  const wanted = [
    /\/api\/whatsapp\/send/,
    /^whatsapp-send process$/,
    /^POST Messages$/,
    /\/webhooks\/twilio\/status/,
  ];
  const ours = await waitFor(
    () => {
      const spans = receiver.spans.filter((span) => span.traceId === traceId);
      return wanted.every((name) => spans.some((span) => name.test(span.name))) ? spans : undefined;
    },
    {
      timeoutMs: 15_000,
      describe: () => `the spans; there are ${receiver.spans.map((span) => span.name).join(', ')}`,
    },
  );
  // Connected: every span's parent is the caller or another span of the trace.
  const known = new Set([caller, ...ours.map((span) => span.spanId)]);
  expect(ours.filter((span) => !known.has(span.parentId))).toEqual([]);
  const named = (name: RegExp): ReceivedSpan => ours.find((span) => name.test(span.name)) as ReceivedSpan;
  const ancestors = (span: ReceivedSpan | undefined): string[] =>
    span ? [span.name, ...ancestors(ours.find((other) => other.spanId === span.parentId))] : [];
  // The callback hangs below the call that caused it, and that below the POST.
  const path = ancestors(named(/\/webhooks\/twilio\/status/)).join(' < ');
  expect(path).toMatch(/webhooks.* < POST Messages < whatsapp-send process < .*\/api\/whatsapp\/send/);
});
