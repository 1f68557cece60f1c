import {
  checkNoDouble,
  checkOrder,
  type Pipeline,
  type PipelineTenant,
  type PostedSend,
  startPipeline,
  waitFor,
} from '@mersal/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, settled } from './api.js';
import { mersal, start } from './command-line.js';
import { customer, orderText } from './orders.js';

/** The log read again, judged by what the provider saw. */
interface Tally {
  readonly matched: number;
  readonly sent: number;
  readonly skipped: number;
  readonly reasons: Record<string, number>;
}

let pipeline: Pipeline;
let ledger: pg.Pool;
beforeAll(async () => {
  pipeline = await startPipeline({
    tenants: ['bakery', 'beside'],
    latencyMs: 20,
    env: { QUEUE_BACKOFF_DELAY: '200' },
  });
  ledger = new pg.Pool({ connectionString: pipeline.database, max: 2 });
}, 120_000);
afterAll(async () => {
  await ledger?.end();
  await pipeline?.stop();
});

const OVER = ['sent', 'delivered', 'read'];

async function postAll(
  tenant: PipelineTenant,
  count: number,
  lane: (n: number) => number,
): Promise<PostedSend[]> {
  const posted: PostedSend[] = [];
  for (let n = 0; n < count; n += 1) {
    const conversation = `table-${lane(n)}`;
    const send = { phoneNumber: customer(lane(n)), text: orderText(n), conversationId: conversation };
    const id = await post(pipeline, tenant, send);
    posted.push({ id, restaurantId: tenant.restaurantId, conversation, priority: 5 });
  }
  return posted;
}

/** What a ledger that was restored from before does not have: the messages, and everything that came of them. */
async function forget(messages: readonly PostedSend[]): Promise<void> {
  await waitFor(async () => (await ledger.query('select from outbox')).rowCount === 0, {
    describe: 'all outcomes to be published',
  });
  const us = messages.map(({ id }) => id.slice(0, 32));
  await ledger.query(
    'delete from lane l using message m where m.tenant = l.tenant and m.lane = l.lane and m.u = any($1::uuid[])',
    [us],
  );
  for (const table of ['message', 'body', 'attempt', 'callback'])
    await ledger.query(`delete from ${table} where u = any($1::uuid[])`, [us]);
}

const timesOf = async (ids: readonly string[]): Promise<number[]> => {
  const requests = await pipeline.simulator.requests();
  return ids.map((id) => requests.filter(({ messageId, sid }) => messageId === id && sid !== null).length);
};
const sum = (tally: Tally, wanted: RegExp): number =>
  Object.entries(tally.reasons).reduce((all, [reason, n]) => all + (wanted.test(reason) ? n : 0), 0);

describe('a replay', () => {
  it('sends what the ledger lacks and nothing that was sent, also where it is interrupted', async () => {
    const from = new Date(Date.now() - 1_000).toISOString();
    const tenant = pipeline.tenant('bakery');
    const beside = await postAll(pipeline.tenant('beside'), 4, (n) => n);
    const sent = await postAll(tenant, 10, (n) => n % 5);
    for (const { id } of sent) await settled(pipeline, tenant, id, OVER);
    for (const { id } of beside) await settled(pipeline, pipeline.tenant('beside'), id, OVER);
    await pipeline.simulator.faults({
      rules: [{ match: { account: tenant.accountSid }, action: 'error', httpStatus: 400, code: 63016 }],
    });
    const dead = await postAll(tenant, 4, () => 6);
    for (const { id } of dead) await settled(pipeline, tenant, id, ['dead']);
    await pipeline.simulator.clearFaults();
    await pipeline.mersal('queue', 'pause', '--restaurant', 'bakery', '--reason', 'replay');
    const waiting = await postAll(tenant, 3, () => 7);
    const lost = await postAll(tenant, 12, (n) => 8 + (n % 3));
    for (const { id } of [...waiting, ...lost]) await settled(pipeline, tenant, id, ['queued']);
    await forget([...sent.slice(0, 4), ...dead.slice(0, 2), ...lost]);
    await pipeline.mersal('queue', 'resume', '--restaurant', 'bakery');
    for (const { id } of waiting) await settled(pipeline, tenant, id, OVER);

    const args = ['replay', '--from', from, '--restaurant', 'bakery'];
    const dry = (await mersal(pipeline, ...args, '--dry-run')).json as Tally;
    expect(dry).toMatchObject({ matched: 29, sent: 12, skipped: 17, dryRun: true });
    expect([sum(dry, /^(sent|delivered|read)$/), sum(dry, /^(sent|delivered|read)_by_outcomes$/)]).toEqual([
      9, 4,
    ]);
    expect([dry.reasons['dead'], dry.reasons['dead_by_outcomes']]).toEqual([2, 2]);
    expect(await timesOf(lost.map(({ id }) => id))).toEqual(lost.map(() => 0));

    const replay = start(pipeline, ...args, '--rate', '4');
    const back = async (): Promise<number> =>
      (
        await ledger.query('select from message where u = any($1::uuid[])', [
          lost.map(({ id }) => id.slice(0, 32)),
        ])
      ).rowCount ?? 0;
    await waitFor(async () => (await back()) >= 2, { describe: 'the first messages to be back' });
    replay.child.kill('SIGINT');
    const { code, err } = await replay.ended;
    expect([code, err]).toEqual([1, expect.stringContaining('--resume')]);
    expect(await back()).toBeLessThan(12);
    const id = /--resume ([0-9a-f-]{36})/.exec(err)?.[1] as string;
    const resumed = await mersal(pipeline, 'replay', '--resume', id);
    expect([resumed.code, resumed.json]).toMatchObject([0, { id, matched: 29 }]);
    for (const one of lost) await settled(pipeline, tenant, one.id, OVER);

    const everything = [...beside, ...sent, ...waiting, ...lost].map((one) => one.id);
    expect(await timesOf(everything)).toEqual(everything.map(() => 1));
    expect(await timesOf(dead.map((one) => one.id))).toEqual(dead.map(() => 0));
    const requests = await pipeline.simulator.requests();
    expect(checkNoDouble(requests)).toEqual([]);
    expect(checkOrder(lost, requests)).toEqual([]);
    const again = await mersal(pipeline, 'replay', '--from', from);
    expect(again.json).toMatchObject({ sent: 0 });
    const listed = (await mersal(pipeline, 'replay', 'list')).json as { items: object[] };
    expect(listed.items).toHaveLength(2);
    const { rows } = await ledger.query("select action from audit where action like 'replay.%' order by n");
    expect(rows.map(({ action }) => action as string)).toEqual([
      'replay.begin',
      'replay.resume',
      'replay.end',
      'replay.begin',
      'replay.end',
    ]);
  }, 90_000);
});
