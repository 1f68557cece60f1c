import { encodeHeaders, partitionFor, topicNames } from '@mersal/contracts';
import { createPublisher } from '@mersal/kafka';
import {
  checkNoDouble,
  checkOrder,
  type Pipeline,
  type PipelineTenant,
  type PostedSend,
  type SeenRequest,
  startPipeline,
  waitFor,
} from '@mersal/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, read, settled } from './api.js';
import { mersal } from './command-line.js';
import { customer, orderText } from './orders.js';

/** Dead letters from the operator's side, judged by what the provider saw. */
interface Item {
  readonly id: string;
  readonly kind: string;
  readonly reason: string;
  readonly code: number | null;
  readonly refusal: string | null;
  readonly deadAt: string;
}
interface Page {
  readonly items: Item[];
  readonly next: string | null;
}
interface Tally {
  readonly matched: number;
  readonly sent: number;
  readonly skipped: number;
  readonly reasons: Record<string, number>;
}

const page = async (...args: string[]) => {
  const answer = await mersal(pipeline, ...args);
  return { ...answer, json: answer.json as Page };
};
const tally = async (...args: string[]) => {
  const answer = await mersal(pipeline, ...args);
  return { ...answer, json: answer.json as Tally };
};

/** Outside of the window in which a customer may be written to. */
const CLOSED_WINDOW = 63_016;
let pipeline: Pipeline;
let ledger: pg.Pool;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: ['grills', 'sweets', 'juices', 'doubts'],
    latencyMs: 20,
    env: { QUEUE_BACKOFF_DELAY: '200', TWILIO_TIMEOUT_MS: '2000' },
  });
  ledger = new pg.Pool({ connectionString: pipeline.database, max: 2 });
}, 120_000);
afterAll(async () => {
  await ledger?.end();
  await pipeline?.stop();
});

const refusing = (...tenants: PipelineTenant[]): Promise<void> =>
  pipeline.simulator.faults({
    latency: { distribution: 'fixed', ms: 20 },
    rules: tenants.map(({ accountSid }) => ({
      match: { account: accountSid },
      action: 'error',
      httpStatus: 400,
      code: CLOSED_WINDOW,
    })),
  });

/** Posts messages of some conversations, and waits until all of them are dead. */
async function given(tenant: PipelineTenant, count: number, conversations: number): Promise<PostedSend[]> {
  const posted: PostedSend[] = [];
  for (let n = 0; n < count; n += 1) {
    const conversation = `table-${n % conversations}`;
    const id = await post(pipeline, tenant, {
      phoneNumber: customer(n % conversations),
      text: orderText(n),
      conversationId: conversation,
    });
    posted.push({ id, restaurantId: tenant.restaurantId, conversation, priority: 5 });
  }
  for (const { id } of posted) await settled(pipeline, tenant, id, ['dead']);
  return posted;
}

const acceptedOf = async (tenant: PipelineTenant): Promise<SeenRequest[]> =>
  (await pipeline.simulator.requests()).filter(
    (request) => request.account === tenant.accountSid && request.sid !== null,
  );

describe('dead letters', () => {
  it('are listed over pages and grouped, and come back once and in order, however often that is asked for', async () => {
    const tenant = pipeline.tenant('grills');
    await refusing(tenant);
    const posted = await given(tenant, 12, 3);
    const ids = posted.map(({ id }) => id);

    const all = await page('dead', 'list', '--restaurant', 'grills');
    expect(all.json.next).toBeNull();
    expect(all.json.items.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(all.json.items[0]).toMatchObject({ kind: 'message', code: CLOSED_WINDOW, refusal: null });
    for (const hidden of ['طلب', 'Order', customer(0).slice(1)]) expect(all.text).not.toContain(hidden);
    const paged: string[] = [];
    let next: string | null = null;
    do {
      const after: string[] = next === null ? [] : ['--after', next];
      const args = ['dead', 'list', '--restaurant', 'grills', '--limit', '8', ...after];
      const one = (await page(...args)).json;
      expect(one.items.length).toBeLessThanOrEqual(8);
      paged.push(...one.items.map(({ id }) => id));
      next = one.next;
    } while (next !== null);
    expect(paged).toEqual(all.json.items.map(({ id }) => id));
    const groups = await mersal(pipeline, 'dead', 'groups', '--restaurant', 'grills');
    expect(groups.json).toMatchObject({
      items: [{ letters: 12, code: CLOSED_WINDOW, restaurantId: 'grills' }],
    });

    // They die once more, and are not met again by the redrive that put them back.
    const select = ['--code', String(CLOSED_WINDOW), '--restaurant', 'grills'];
    const again = await tally('dead', 'redrive', ...select);
    expect([again.code, again.json]).toMatchObject([0, { matched: 12, sent: 12, skipped: 0 }]);
    for (const { id } of posted)
      await waitFor(
        async () => {
          const message = await read(pipeline, tenant, id);
          return message.status === 'dead' && message['redrives'] === 1;
        },
        { describe: `${id} to be dead once more` },
      );

    await pipeline.simulator.clearFaults();
    const dry = await tally('dead', 'redrive', ...select, '--dry-run');
    expect(dry.json).toMatchObject({ matched: 12, sent: 12, dryRun: true });
    expect(await acceptedOf(tenant)).toEqual([]);
    const twice = await Promise.all([
      tally('dead', 'redrive', ...select),
      tally('dead', 'redrive', ...select),
    ]);
    expect(twice.map(({ code }) => code)).toEqual([0, 0]);
    expect(Math.max(...twice.map(({ json }) => json.sent))).toBe(12);
    for (const { id } of posted) await settled(pipeline, tenant, id, ['sent', 'delivered', 'read']);
    const named = await tally('dead', 'redrive', '--id', ids[0] as string);
    expect([named.code, named.json]).toMatchObject([0, { matched: 1, sent: 0, reasons: { not_dead: 1 } }]);

    const accepted = await acceptedOf(tenant);
    expect(accepted.length).toBe(12);
    expect(checkNoDouble(accepted)).toEqual([]);
    expect(checkOrder(posted, accepted)).toEqual([]);
    const left = await page('dead', 'list', '--restaurant', 'grills');
    expect(left.json).toEqual({ items: [], next: null });
    const { rows } = await ledger.query("select distinct action from audit where action like 'dead.%'");
    expect(rows.map(({ action }) => action as string).toSorted()).toEqual(['dead.redrive', 'dead.redriven']);
  }, 90_000);

  it('that come back go behind what their conversation has, and behind live messages', async () => {
    const tenant = pipeline.tenant('sweets');
    await refusing(tenant);
    const dead = await given(tenant, 3, 1);
    await pipeline.simulator.clearFaults();
    await pipeline.mersal('queue', 'pause', '--restaurant', 'sweets', '--reason', 'order');
    const live = [];
    for (let n = 0; n < 2; n += 1)
      live.push(
        await post(pipeline, tenant, {
          phoneNumber: customer(0),
          text: orderText(n),
          conversationId: 'table-0',
        }),
      );
    for (const id of live) await settled(pipeline, tenant, id, ['queued']);
    const [first, ...others] = dead.map(({ id }) => id);
    await mersal(pipeline, 'dead', 'redrive', '--id', ...others, first as string);
    for (const { id } of dead) await settled(pipeline, tenant, id, ['queued']);
    await pipeline.mersal('queue', 'resume', '--restaurant', 'sweets');
    for (const { id } of dead) await settled(pipeline, tenant, id, ['sent', 'delivered', 'read']);
    const order = (await acceptedOf(tenant)).map(({ messageId }) => messageId);
    expect(order).toEqual([...live, first, ...others]);
  });

  it('that are records which can not be read are told without their text, and are refused', async () => {
    const topic = topicNames(pipeline.queue).send;
    const partition = partitionFor('juices', Number(pipeline.env['TOPIC_PARTITIONS']));
    const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const brokers = (pipeline.env['KAFKA_BROKERS'] as string).split(',');
    const publisher = await createPublisher({ connection: { brokers, clientId: 'test', logger: quiet } });
    const type = 'mersal.send.requested.v1';
    await publisher.publish([
      {
        topic,
        partition,
        key: 'juices',
        value: Buffer.from('{"text":"sugar-free secret'),
        headers: encodeHeaders({ id: 'x', type, source: 'test', time: Date.now(), subject: 'juices' }),
      },
    ]);
    await publisher.close();
    const [item] = await waitFor(
      async () => {
        const { items } = (await page('dead', 'list', '--restaurant', 'juices')).json;
        return items.length > 0 ? items : undefined;
      },
      { describe: 'the record among the dead letters' },
    );
    expect(item).toMatchObject({ kind: 'record', reason: 'undecodable', refusal: 'unfiled' });
    const id = item?.id as string;
    const shown = await mersal(pipeline, 'dead', 'show', id);
    expect(shown.json).toMatchObject({ record: { topic: 'send', partition, event: type } });
    expect(shown.text).not.toContain('secret');
    const refused = await tally('dead', 'redrive', '--id', id);
    expect([refused.code, refused.json]).toMatchObject([
      3,
      { matched: 1, sent: 0, skipped: 1, reasons: { unfiled: 1 } },
    ]);
    const discarded = await mersal(pipeline, 'dead', 'discard', '--id', id);
    expect(discarded.json).toEqual({ matched: 1, discarded: 1, skipped: 0 });
    const left = await page('dead', 'list', '--restaurant', 'juices');
    expect(left.json.items).toEqual([]);
  });

  it('that were put away are not put back', async () => {
    const tenant = pipeline.tenant('juices');
    await refusing(tenant);
    const [one, other] = await given(tenant, 2, 2);
    await pipeline.simulator.clearFaults();
    expect((await mersal(pipeline, 'dead', 'discard', '--id', one?.id as string)).json).toMatchObject({
      discarded: 1,
    });
    const redriven = await tally('dead', 'redrive', '--all', '--restaurant', 'juices');
    expect(redriven.json).toMatchObject({ matched: 1, sent: 1 });
    await settled(pipeline, tenant, other?.id as string, ['sent', 'delivered', 'read']);
    expect((await acceptedOf(tenant)).map(({ messageId }) => messageId)).toEqual([other?.id]);
    expect(await read(pipeline, tenant, one?.id as string)).toMatchObject({ status: 'dead' });
  });

  it('that the provider may have are not sent a second time', async () => {
    const tenant = pipeline.tenant('doubts');
    await pipeline.simulator.faults({
      latency: { distribution: 'fixed', ms: 20 },
      rules: [
        { match: { account: tenant.accountSid, route: 'create' }, action: 'drop_after_accept' },
        { match: { account: tenant.accountSid }, action: 'no_callback' },
        { match: { account: tenant.accountSid, route: 'list' }, action: 'error', httpStatus: 500 },
      ],
    });
    const id = await post(pipeline, tenant, { phoneNumber: customer(1), text: orderText(1) });
    await settled(pipeline, tenant, id, ['unknown']);
    await pipeline.mersal('unknown', 'resolve', id, '--as', 'dead');
    await settled(pipeline, tenant, id, ['dead']);
    await pipeline.simulator.clearFaults();
    const refused = await tally('dead', 'redrive', '--id', id);
    expect([refused.code, refused.json]).toMatchObject([3, { sent: 0, reasons: { outcome_unknown: 1 } }]);
    expect((await acceptedOf(tenant)).length).toBe(1);
  });
});

describe('what stands still', () => {
  it('is told with its reason, and a retry that waits is made when somebody asks for it', async () => {
    const tenant = pipeline.tenant('sweets');
    await pipeline.simulator.faults({
      rules: [
        {
          match: { account: tenant.accountSid },
          action: 'error',
          httpStatus: 429,
          code: 20429,
          retryAfterS: 3_000,
        },
      ],
    });
    const id = await post(pipeline, tenant, { phoneNumber: customer(5), text: orderText(5) });
    await settled(pipeline, tenant, id, ['retrying']);
    await pipeline.simulator.clearFaults();
    const stuck = await waitFor(
      async () => {
        const answer = await mersal(pipeline, 'queue', 'stuck', '--minutes', '0');
        const { items } = answer.json as { items: { id: string; reason: string; until: string | null }[] };
        const item = items.find((one) => one.id === id);
        return item?.reason === 'retry' ? { code: answer.code, item } : undefined;
      },
      { describe: 'the message among those that stand still' },
    );
    expect(stuck.code).toBe(3);
    expect(Date.parse(stuck.item.until ?? '')).toBeGreaterThan(Date.now() + 600_000);
    // By then the pause that the provider asked for is lifted, too.
    await ledger.query('update pause set until = clock_timestamp()');
    expect((await mersal(pipeline, 'queue', 'retry', id)).code).toBe(0);
    await settled(pipeline, tenant, id, ['sent', 'delivered', 'read']);
    expect((await acceptedOf(tenant)).filter(({ messageId }) => messageId === id)).toHaveLength(1);
  });
});
