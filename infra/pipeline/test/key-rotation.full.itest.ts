import { randomBytes } from 'node:crypto';
import {
  checkNoDouble,
  checkNoLoss,
  type Pipeline,
  type PipelineTenant,
  type PostedSend,
  startPipeline,
} from '@mersal/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, post, type Send, settled } from './api.js';
import { mersal } from './command-line.js';
import { customer, orderText } from './orders.js';

/** A new CREDENTIALS_KEY while messages flow: keys added, services restarted one by one, everything encrypted anew, the old one gone. */
const [first, second] = [1, 2].map((n) => `k${n}:${randomBytes(32).toString('base64')}`) as [string, string];
const RESTAURANTS = Array.from({ length: 130 }, (_, n) => `house-${n}`);
let pipeline: Pipeline;
let entrances: string[];
let database: pg.Pool;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: RESTAURANTS,
    senders: 2,
    latencyMs: 20,
    env: { CREDENTIALS_KEY: first },
  });
  entrances = [pipeline.ingress, await pipeline.startIngress('ingress-2')];
  database = new pg.Pool({ connectionString: pipeline.database, max: 2 });
}, 120_000);
afterAll(async () => {
  await database?.end();
  await pipeline?.stop();
});

const SERVICES = ['sender-1', 'sender-2', 'ingress-2', 'ingress-1'];
/** Of a callback that found its ingress away it is not known that the message was delivered. */
const OVER = ['sent', 'delivered', 'read'];

/** As a load balancer before both would do: what one does not take goes to the other. */
async function postSomewhere(tenant: PipelineTenant, send: Send): Promise<string> {
  const idempotency = { 'idempotency-key': randomBytes(12).toString('hex') };
  let last: unknown;
  for (let n = 0; n < 20; n += 1) {
    const at = entrances[n % entrances.length];
    try {
      const answer = await call(pipeline, tenant.apiKey, 'POST', '/api/whatsapp/send', send, idempotency, at);
      if (answer.status === 202) return answer.body['id'] as string;
      last = answer.body;
      if (answer.body['code'] !== 'shutting_down') break;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no ingress took it: ${JSON.stringify(last)}`);
}

/** Stops one service after the other and starts each with these keys, as a rolling update does. */
async function roll(keys: Readonly<Record<string, string>>): Promise<void> {
  for (const name of SERVICES) {
    expect(await pipeline.services.get(name)?.stop()).toBe(0);
    await pipeline.restart(name, keys);
  }
}

describe('the key of the credentials', () => {
  it('is changed while messages flow: nothing is lost or doubled, and the old key is needed no more', async () => {
    const posted: PostedSend[] = [];
    const flow = new AbortController();
    const refused: string[] = [];
    const load = (async () => {
      for (let n = 0; !flow.signal.aborted; n += 1) {
        const tenant = pipeline.tenant(RESTAURANTS[n % RESTAURANTS.length] as string);
        const conversation = `table-${n % 3}`;
        await postSomewhere(tenant, {
          phoneNumber: customer(n % 3),
          text: orderText(n),
          conversationId: conversation,
        }).then(
          (id) => posted.push({ id, restaurantId: tenant.restaurantId, conversation, priority: 5 }),
          (error: unknown) => refused.push(String(error)),
        );
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    })();
    const operator = (keys: Readonly<Record<string, string>>) => ({ cli: { ...pipeline.cli, ...keys } });

    // Readable by everybody before anybody writes with it.
    await roll({ CREDENTIALS_KEY: first, CREDENTIALS_KEYS_OLD: second });
    const both = { CREDENTIALS_KEY: second, CREDENTIALS_KEYS_OLD: first };
    await roll(both);
    const before = await mersal(operator(both), 'credentials', 'status');
    expect(before).toMatchObject({ code: 3, json: { current: 'k2', keys: [{ keyId: 'k1', state: 'old' }] } });
    expect(await mersal(operator({ CREDENTIALS_KEY: second }), 'credentials', 'status')).toMatchObject({
      json: { keys: [{ state: 'unknown' }] },
    });

    // Two at once, as if somebody had thought that the first had ended.
    const rotations = await Promise.all([1, 2].map(() => mersal(operator(both), 'credentials', 'rotate')));
    const rotated = rotations.map(({ json }) => (json as { rotated: number }).rotated);
    expect(rotated.reduce((sum, n) => sum + n, 0)).toBe(RESTAURANTS.length);
    expect(await mersal(operator(both), 'credentials', 'status')).toMatchObject({
      code: 0,
      json: { keys: [{ keyId: 'k2', accounts: RESTAURANTS.length, state: 'current' }] },
    });
    const { rows } = await database.query<{ n: string }>(
      "select sum((detail->>'accounts')::int) as n from audit where action = 'credentials.rotate'",
    );
    expect(Number(rows[0]?.n)).toBe(RESTAURANTS.length);

    await roll({ CREDENTIALS_KEY: second, CREDENTIALS_KEYS_OLD: '' });
    const atTheEnd = posted.length;
    while (posted.length < atTheEnd + 40) await new Promise((resolve) => setTimeout(resolve, 25));
    flow.abort();
    await load;
    expect(refused).toEqual([]);
    for (const { id, restaurantId } of posted)
      await settled(pipeline, pipeline.tenant(restaurantId), id, OVER, 60_000);
    const seen = await pipeline.simulator.requests();
    expect(checkNoDouble(seen)).toEqual([]);
    expect(checkNoLoss(posted, seen, new Map())).toEqual([]);
  }, 300_000);

  it('restarts with the new key alone, and refuses nothing that was', async () => {
    const keys = { CREDENTIALS_KEY: second, CREDENTIALS_KEYS_OLD: '' };
    for (const name of SERVICES) expect(await pipeline.services.get(name)?.stop()).toBe(0);
    for (const name of SERVICES) await pipeline.restart(name, keys);
    const tenant = pipeline.tenant('house-7');
    const id = await post(pipeline, tenant, { phoneNumber: customer(1), text: orderText(1) });
    await settled(pipeline, tenant, id, ['delivered', 'read']);
    const changed = await call(pipeline, pipeline.adminToken, 'PATCH', '/api/tenants/house-8', {
      authToken: pipeline.tenant('house-8').authToken,
    });
    expect(changed.status).toBe(200);
  }, 120_000);
});
