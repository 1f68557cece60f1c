import { findJaeger, startJaeger } from '@mersal/local';
import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, settled } from './api.js';
import { ancestorsOf, type JaegerTrace, readTrace, spanNamed } from './jaeger-trace.js';

const command = findJaeger(fileURLToPath(new URL('../../../.local/cache', import.meta.url)));
const PHONE = '966501234567';
const TEXT = 'طلبك في الطريق 🛵';
/** Of a message that nothing but the rate could keep: on a busy machine it now and then has no instant yet. */
const AT_ONCE = ['none', 'rate'];
const CALLER = '00f067aa0ba902b7';

describe.skipIf(command === undefined)(
  'read back from a Jaeger (where it is missing: npm run test:full builds it with Go)',
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'mersal-jaeger-'));
    let jaeger: Awaited<ReturnType<typeof startJaeger>>;
    let pipeline: Pipeline;
    beforeAll(async () => {
      jaeger = await startJaeger({ command: command as string, dir });
      pipeline = await startPipeline({
        tenants: ['traced', 'narrow', 'another'],
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp,
          TENANT_CONCURRENCY: '1',
          QUEUE_BACKOFF_DELAY: '300',
        },
      });
    }, 120_000);
    afterAll(async () => {
      await pipeline?.stop();
      await jaeger?.kill();
      rmSync(dir, { recursive: true, force: true });
    });

    /** Posts a send as a caller with a trace of its own, which it returns with the message's id. */
    async function send(restaurant: string, traceId: string, conversationId: string): Promise<string> {
      const { status, body } = await call(
        pipeline,
        pipeline.tenant(restaurant).apiKey,
        'POST',
        '/api/whatsapp/send',
        { phoneNumber: `+${PHONE}`, text: TEXT, conversationId },
        { traceparent: `00-${traceId}-${CALLER}-01` },
      );
      expect(status).toBe(202);
      return body['id'] as string;
    }
    const delivered = (restaurant: string, id: string) =>
      settled(pipeline, pipeline.tenant(restaurant), id, ['delivered', 'read'], 60_000);

    /** Once all of it is there: so many spans of a name as are given. Each is connected to the caller, and nothing of it is secret. */
    async function whole(traceId: string, counts: Readonly<Record<string, number>>): Promise<JaegerTrace> {
      let last: JaegerTrace | undefined;
      const trace = await waitFor(
        async () => {
          last = await readTrace(jaeger.query, traceId);
          const names = last?.spans.map(({ name }) => name) ?? [];
          const there = Object.entries(counts).every(
            ([name, most]) => names.filter((one) => one === name).length >= most,
          );
          return there ? last : undefined;
        },
        {
          timeoutMs: 30_000,
          describe: () => `the spans; there are ${last?.spans.map(({ name }) => name).join(', ')}`,
        },
      );
      const known = new Set([CALLER, ...trace.spans.map(({ spanId }) => spanId)]);
      expect(trace.spans.filter(({ parentId }) => !known.has(parentId ?? ''))).toEqual([]);
      expect(new Set(trace.spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
      expect(trace.json).not.toContain(PHONE.slice(-9));
      for (const word of TEXT.split(' ')) {
        expect(trace.json).not.toContain(word);
        expect(trace.json).not.toContain(encodeURIComponent(word));
      }
      return trace;
    }
    const STORY = {
      'POST /api/whatsapp/send': 1,
      [`publish`]: 1,
      'whatsapp-send wait': 1,
      'whatsapp-send process': 1,
      'whatsapp-send claim': 1,
      'POST Messages': 1,
      'whatsapp-send settle': 1,
      'POST /webhooks/twilio/status': 1,
    };

    it('a send is one story from the caller to the callback', async () => {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      await delivered('another', await send('another', traceId, 'c1'));
      const trace = await whole(traceId, STORY);
      expect(trace.services).toEqual(new Set(['ingress', 'sender']));
      expect(ancestorsOf(trace, 'POST /webhooks/twilio/status')).toEqual([
        'POST Messages',
        'whatsapp-send process',
        'publish',
        'POST /api/whatsapp/send',
      ]);
      expect(ancestorsOf(trace, 'whatsapp-send wait')[0]).toBe('publish');
      for (const name of ['whatsapp-send claim', 'POST Messages', 'whatsapp-send settle'])
        expect(ancestorsOf(trace, name)[0]).toBe('whatsapp-send process');
      expect(AT_ONCE).toContain(spanNamed(trace, 'whatsapp-send wait').tags['mersal.wait.reason']);
    }, 120_000);

    it('a retry is told in the same trace, with the failure before it', async () => {
      const { accountSid } = pipeline.tenant('traced');
      await pipeline.simulator.faults({
        rules: [
          { match: { account: accountSid, route: 'create' }, action: 'error', httpStatus: 500, count: 1 },
        ],
      });
      const traceId = '5bf92f3577b34da6a3ce929d0e0e4737';
      const id = await send('traced', traceId, 'c1');
      const message = await delivered('traced', id);
      await pipeline.simulator.clearFaults();
      expect(message.attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
      const trace = await whole(traceId, {
        ...STORY,
        'whatsapp-send wait': 2,
        'POST Messages': 2,
        'whatsapp-send settle': 2,
      });
      const calls = trace.spans.filter(({ name }) => name === 'POST Messages');
      expect(calls.map(({ tags }) => tags['http.response.status_code'])).toEqual([500, 201]);
      expect(calls.map(({ tags }) => tags['error'] ?? false)).toEqual([true, false]);
      const waits = trace.spans.filter(({ name }) => name === 'whatsapp-send wait');
      expect(waits.map(({ tags }) => [tags['mersal.attempt'], tags['mersal.wait.reason']])).toEqual([
        [1, expect.toBeOneOf(AT_ONCE)],
        [2, 'retry'],
      ]);
      expect(waits[1]?.durationUs).toBeGreaterThan(0);
    }, 120_000);

    it('what waits tells what for: another of its conversation, a slot', async () => {
      // Slow enough that all three are here while the first is under way.
      await pipeline.simulator.faults({ latency: { distribution: 'fixed', ms: 3_000 } });
      const traces = ['61', '62', '63'].map((start) => `${start}f92f3577b34da6a3ce929d0e0e4738`);
      const conversations = ['c1', 'c1', 'c2'];
      const ids: string[] = [];
      for (const [n, traceId] of traces.entries())
        ids.push(await send('narrow', traceId, conversations[n] ?? ''));
      for (const id of ids) await delivered('narrow', id);
      await pipeline.simulator.clearFaults();
      const reasons: unknown[] = [];
      for (const traceId of traces)
        reasons.push(spanNamed(await whole(traceId, STORY), 'whatsapp-send wait').tags['mersal.wait.reason']);
      expect(reasons).toEqual([expect.toBeOneOf(AT_ONCE), 'conversation', 'slot']);
    }, 120_000);
  },
);
