import { mostWithin, type Pipeline, startPipeline, waitFor, WireWatch } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from './api.js';
import { customer, orderText } from './orders.js';

/** The load scenarios of the quick reference: a provider that takes 100 ms, seen from its side. */
let pipeline: Pipeline;
const TENANTS = Array.from({ length: 10 }, (_, n) => `tenant-${n}`);
const ALL = ['warm-up', 'burst', 'burst-2', 'sustained', ...TENANTS];
beforeAll(async () => {
  pipeline = await startPipeline({ tenants: ALL, latencyMs: 100 });
  // The first messages meet cold processes: connections, plans and code are made for them.
  await receipts(await postBatch('warm-up', 40));
}, 120_000);
afterAll(() => pipeline?.stop());

async function postBatch(restaurant: string, count: number, from = 0): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, n) => ({
    phoneNumber: customer((from + n) % 20),
    text: orderText(from + n),
  }));
  const { status, body } = await call(
    pipeline,
    pipeline.tenant(restaurant).apiKey,
    'POST',
    '/api/whatsapp/send/batch',
    { messages },
  );
  expect(status).toBe(202);
  return (body['results'] as { id: string }[]).map((result) => result.id);
}

/** When each of these was received by the provider, ms since 1970. */
async function receipts(ids: readonly string[], timeoutMs = 30_000): Promise<number[]> {
  const wanted = new Set(ids);
  return waitFor(
    async () => {
      const seen = (await pipeline.simulator.requests()).filter(
        (r) => r.messageId !== null && wanted.has(r.messageId),
      );
      return seen.length >= ids.length ? seen.map((r) => r.receivedAt) : undefined;
    },
    { timeoutMs, describe: `${ids.length} messages at the provider` },
  );
}

describe('load', () => {
  // One restaurant's five slots alone take 2 s of the provider's time; with two the machine's own share may be larger.
  it('burst: 100 messages of two restaurants within 5 s', async () => {
    const from = Date.now();
    const ids = await Promise.all(
      ['burst', 'burst-2'].map((restaurant, n) => postBatch(restaurant, 50, n * 50)),
    );
    const at = await receipts(ids.flat());
    expect(Math.max(...at) - from).toBeLessThan(5_000);
  });

  it('100 messages over 10 restaurants: all get their turn', async () => {
    const from = Date.now();
    const ids = await Promise.all(TENANTS.map((restaurant, n) => postBatch(restaurant, 10, n * 10)));
    const at = await receipts(ids.flat());
    expect(Math.max(...at) - from).toBeLessThan(5_000);
    const { accounts } = await pipeline.simulator.stats();
    for (const restaurant of TENANTS)
      expect(accounts[pipeline.tenant(restaurant).accountSid]).toMatchObject({ accepted: 10 });
  });

  it('10 a second for 5 s: none waits long', async () => {
    const posted: { id: string; at: number }[] = [];
    const begun = Date.now();
    for (let n = 0; n < 50; n += 1) {
      // The load is the scenario: ten posts a second, at their times.
      await new Promise((next) => setTimeout(next, Math.max(0, begun + n * 100 - Date.now())));
      const at = Date.now();
      const [id] = await postBatch('sustained', 1, n);
      posted.push({ id: id as string, at });
    }
    const at = await receipts(posted.map((one) => one.id));
    expect(at).toHaveLength(50);
    expect(Math.max(...at) - (posted.at(-1)?.at ?? 0)).toBeLessThan(5_000);
  });

  it('150 messages against the rate: never more than 80 in any 1,000 ms, and not far below', async () => {
    const wire = await WireWatch.start(Number(new URL(pipeline.simulator.url).port));
    const ids = await Promise.all(TENANTS.map((restaurant, n) => postBatch(restaurant, 15, 1000 + n * 15)));
    const at = (await receipts(ids.flat())).toSorted((a, b) => a - b);
    await wire?.stop();
    const { maxPerSecond, duplicateIds } = await pipeline.simulator.stats();
    // The provider's own clock counts bunches that never were where its process stood still.
    expect(wire ? mostWithin(wire.at, 1_000) : maxPerSecond).toBeLessThanOrEqual(80);
    if (wire) expect(wire.at.length).toBeGreaterThanOrEqual(150);
    expect(duplicateIds).toEqual([]);
    expect(((at.at(-1) as number) - (at[0] as number)) / 1_000).toBeGreaterThan(149 / 80 - 0.1);
  });
});
