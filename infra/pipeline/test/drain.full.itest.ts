import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { post, read } from './api.js';
import { customer } from './orders.js';

/** Longer than a drain would be if it did not depend on the time-out, in ms. */
const ANSWER_MS = 28_000;

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: ['r1'],
    latencyMs: ANSWER_MS,
    env: { TWILIO_TIMEOUT_MS: '35000' },
  });
}, 120_000);
afterAll(() => pipeline.stop());

it('a sender that is told to stop waits for an answer as long as a request may take, and settles it', async () => {
  const tenant = pipeline.tenant('r1');
  const id = await post(pipeline, tenant, { phoneNumber: customer(1), text: 'طلبك جاهز' });
  await waitFor(async () => (await pipeline.simulator.requests()).length === 1, {
    timeoutMs: 30_000,
    describe: 'the request at the provider',
  });
  const sender = pipeline.services.get('sender-1');
  sender?.signal('SIGTERM');
  await waitFor(() => sender?.ended !== undefined, { timeoutMs: 60_000, describe: 'its end' });
  expect(sender?.ended).toBe(0);
  const message = await read(pipeline, tenant, id);
  expect(['sent', 'delivered']).toContain(message.status);
  expect(message.attempts).toHaveLength(1);
  expect(await pipeline.simulator.stats()).toMatchObject({ total: 1, accepted: 1 });
}, 120_000);
