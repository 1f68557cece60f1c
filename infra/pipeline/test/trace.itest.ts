import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, settled } from './api.js';
import { receiveSpans, type ReceivedSpan, type SpanReceiver } from './span-receiver.js';

/** A span's context as a caller hands it on. */
const contextOf = (traceId: string, spanId: string): string => `00-${traceId}-${spanId}-01`;

let receiver: SpanReceiver;
let pipeline: Pipeline;
beforeAll(async () => {
  receiver = await receiveSpans();
  pipeline = await startPipeline({
    tenants: ['traced', 'waiting'],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, QUEUE_BACKOFF_DELAY: '200' },
  });
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

it('an attempt is linked to the one before it, and what was put back to that', async () => {
  const traceId = '5bf92f3577b34da6a3ce929d0e0e4737';
  const tenant = pipeline.tenant('traced');
  const fault = (httpStatus: number, code?: number) =>
    pipeline.simulator.faults({
      rules: [
        {
          match: { account: tenant.accountSid, route: 'create' },
          action: 'error',
          httpStatus,
          ...(code === undefined ? {} : { code }),
          count: 1,
        },
      ],
    });
  await fault(500);
  const sent = await call(
    pipeline,
    tenant.apiKey,
    'POST',
    '/api/whatsapp/send',
    { phoneNumber: '+966501234568', text: 'x' },
    { traceparent: contextOf(traceId, '00f067aa0ba902b7') },
  );
  const id = sent.body['id'] as string;
  const attempts = (n: number) =>
    waitFor(
      () => {
        const found = receiver.spans.filter(
          (span) => span.traceId === traceId && span.name === 'whatsapp-send process',
        );
        return found.length >= n ? found : undefined;
      },
      { timeoutMs: 15_000, describe: () => `${n} attempts of ${receiver.spans.length} spans` },
    );
  await attempts(1);
  await fault(400, 63_016);
  await settled(pipeline, tenant, id, ['dead', 'failed']);
  await pipeline.simulator.clearFaults();

  const asking = '6bf92f3577b34da6a3ce929d0e0e4738';
  const answer = await call(
    pipeline,
    pipeline.adminToken,
    'POST',
    '/api/redrives',
    { ids: [id] },
    { traceparent: contextOf(asking, '00f067aa0ba902b8') },
  );
  expect(answer.body).toMatchObject({ sent: 1 });
  const [first, second, third] = await attempts(3);
  const spanNamed = (name: string) =>
    waitFor(() => receiver.spans.find((span) => span.name === name), { describe: () => `the span ${name}` });
  const redrive = await spanNamed('whatsapp-send redrive');
  const request = await spanNamed('POST /api/redrives');
  const contexts = (...spans: (ReceivedSpan | undefined)[]) =>
    spans.map((span) => ({ traceId: span?.traceId, spanId: span?.spanId }));
  expect(first?.links).toEqual([]);
  expect(second?.links).toEqual(contexts(first));
  expect(third?.links).toEqual(contexts(second, redrive));
  expect([redrive.traceId, request.traceId]).toEqual([traceId, asking]);
  expect(redrive.links).toEqual(contexts(request));
}, 120_000);

describe('the span of waiting tells', () => {
  const send = (traceId: string) =>
    call(
      pipeline,
      pipeline.tenant('waiting').apiKey,
      'POST',
      '/api/whatsapp/send',
      { phoneNumber: '+966501234569', text: 'x', conversationId: traceId },
      { traceparent: contextOf(traceId, '00f067aa0ba902b7') },
    );
  const reasonOf = (traceId: string) =>
    waitFor(
      () =>
        receiver.spans.find((span) => span.traceId === traceId && span.name === 'whatsapp-send wait')
          ?.attributes['mersal.wait.reason'],
      { timeoutMs: 30_000, describe: () => `the wait of ${traceId} among ${receiver.spans.length} spans` },
    );

  it.each(['all', 'tenant', 'sender'])('a pause of scope %s, once it is over', async (scope) => {
    const { restaurantId, fromNumber } = pipeline.tenant('waiting');
    const target = {
      scope,
      ...(scope === 'all' ? {} : { restaurantId }),
      ...(scope === 'sender' ? { number: fromNumber.replace('whatsapp:', '') } : {}),
    };
    const traceId = createHash('md5').update(scope).digest('hex');
    const ask = (method: string, path: string, body?: object) =>
      call(pipeline, pipeline.adminToken, method, path, body);
    expect((await ask('POST', '/api/pauses', { ...target, reason: 'a test' })).status).toBe(200);
    expect((await send(traceId)).status).toBe(202);
    // Longer than the sender takes to hear of it.
    await setTimeout(2_500);
    expect(
      receiver.spans.filter((span) => span.name === 'POST Messages' && span.traceId === traceId),
    ).toEqual([]);
    expect((await ask('DELETE', `/api/pauses?${new URLSearchParams(target).toString()}`)).status).toBe(200);
    expect(await reasonOf(traceId)).toBe('pause');
  });

  it('a breaker that was open', async () => {
    await pipeline.simulator.faults({ outage: { seconds: 3 } });
    const failing = Array.from({ length: 6 }, (_, n) => `${n + 1}`.repeat(32));
    for (const traceId of failing) await send(traceId);
    const failures = () =>
      receiver.spans.filter((span) => span.name === 'POST Messages' && failing.includes(span.traceId)).length;
    await waitFor(() => failures() >= 5 || undefined, { describe: () => `${failures()} failures` });
    const late = '7'.repeat(32);
    await send(late);
    expect(await reasonOf(late)).toBe('breaker');
    await pipeline.simulator.clearFaults();
  });
});
