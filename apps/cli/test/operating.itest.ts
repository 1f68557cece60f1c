import { type Pipeline, startPipeline, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finished, mersal } from './mersal-process.js';

interface Answer {
  readonly ok: boolean;
  readonly checks: { name: string; state: string; detail: string; advice?: string }[];
  readonly deployment: { name: string; state: string }[];
  readonly health: { name: string; state: string }[];
}
const answerOf = (finished: Finished): Answer => finished.json() as Answer;
const stateOf = (answer: Answer, name: string): string | undefined =>
  answer.checks.find((one) => one.name === name)?.state;

let pipeline: Pipeline;
let env: Record<string, string>;

beforeAll(async () => {
  pipeline = await startPipeline({ tenants: ['r1'] });
  env = {
    ...pipeline.cli,
    MERSAL_URL: pipeline.ingress,
    MERSAL_ADMIN_TOKEN: pipeline.adminToken,
  };
});
afterAll(() => pipeline.stop());

describe('mersal queue', () => {
  it("tells a message's story, without its text and its recipient", async () => {
    const { apiKey } = pipeline.tenant('r1');
    const answer = await fetch(`${pipeline.ingress}/api/whatsapp/send`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ phoneNumber: '+966500000123', text: 'your order is ready', priority: 7 }),
    });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    const finished = await waitFor(
      async () => {
        const story = await mersal(['queue', 'message', id, '--json'], { env });
        return /"status": "(sent|delivered|read)"/.test(story.out) ? story : undefined;
      },
      { timeoutMs: 30_000, describe: 'the message to be sent' },
    );
    expect(finished.json()).toMatchObject({
      id,
      restaurantId: 'r1',
      priority: 7,
      attempts: [{ attempt: 1 }],
    });
    const text = await mersal(['queue', 'message', id], { env });
    expect(text.out).toMatch(/accepted\n.*attempt 1 began\n.*attempt 1: .*HTTP 201/);
    for (const hidden of ['500000123', 'order is ready'])
      expect(finished.out + text.out).not.toContain(hidden);
    const metrics = await mersal(['queue', 'metrics', '--json'], { env });
    expect(metrics.json()).toMatchObject({ accepted: 1, completed: 1, failed: 0 });
  });
});

describe('mersal queue pause', () => {
  it('stops a restaurant within 2 s, over what is posted meanwhile, and lets it go on', async () => {
    const { apiKey } = pipeline.tenant('r1');
    const post = async (text: string): Promise<string> => {
      const answer = await fetch(`${pipeline.ingress}/api/whatsapp/send`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ phoneNumber: '+966500000124', text }),
      });
      return ((await answer.json()) as { id: string }).id;
    };
    const statusOf = async (id: string): Promise<string> =>
      ((await mersal(['queue', 'message', id, '--json'], { env })).json() as { status: string }).status;
    const seen = async (id: string): Promise<boolean> =>
      (await pipeline.simulator.requests()).some((request) => request.messageId === id);
    const wrong = await mersal(['queue', 'pause', '--reason', 'x', '--number', '+14155238886'], { env });
    expect(wrong.code).toBe(2);
    await mersal(['queue', 'pause', '--restaurant', 'r1', '--reason', 'a wrong menu'], { env });
    const paused = await mersal(['queue', 'pauses', '--json'], { env });
    expect(paused.json()).toMatchObject({
      items: [{ restaurantId: 'r1', number: null, until: null, reason: 'a wrong menu' }],
    });
    const id = await post('not yet');
    await waitFor(async () => (await mersal(['queue', 'message', id, '--json'], { env })).code === 0, {
      timeoutMs: 20_000,
      describe: () => 'the message is filed',
    });
    expect(await seen(id)).toBe(false);
    await mersal(['queue', 'resume', '--restaurant', 'r1'], { env });
    await waitFor(() => seen(id), { timeoutMs: 20_000, describe: () => `${id} at the provider` });
    expect(['sending', 'sent', 'delivered', 'read']).toContain(await statusOf(id));
    expect((await mersal(['queue', 'resume', '--restaurant', 'r1'], { env })).code).toBe(1);
  });
});

describe('mersal unknown and suppressions', () => {
  it('are empty where nothing is unknown and nobody opted out, and refuse what is not', async () => {
    expect((await mersal(['unknown', 'list', '--json'], { env })).json()).toEqual({ items: [] });
    const none = await mersal(['suppressions', 'list', '--restaurant', 'r1', '--json'], { env });
    expect(none.json()).toEqual({ items: [] });
    expect(
      (await mersal(['suppressions', 'lift', '--restaurant', 'r1', '+966500000123'], { env })).code,
    ).toBe(1);
    const id = `${'0'.repeat(32)}-1${'0'.repeat(12)}`;
    expect((await mersal(['unknown', 'resolve', id, '--as', 'perhaps'], { env })).code).toBe(2);
    expect((await mersal(['unknown', 'resolve', id, '--as', 'sent'], { env })).code).toBe(1);
  });
});

describe('mersal erase', () => {
  it('takes a recipient out of the ledger; its message tells its end, and no replay sends it again', async () => {
    const { apiKey } = pipeline.tenant('r1');
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const from = new Date().toISOString();
    const answer = await fetch(`${pipeline.ingress}/api/whatsapp/send`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ phoneNumber: '+966500000777', text: 'to be forgotten', conversationId: 'c777' }),
    });
    const { id } = (await answer.json()) as { id: string };
    const read = async () =>
      (await (await fetch(`${pipeline.ingress}/api/messages/${id}`, { headers })).json()) as {
        status: string;
        conversationId: string | null;
        erased: boolean;
      };
    await waitFor(async () => /^(delivered|read)$/.test((await read()).status), {
      describe: 'the message to be delivered',
    });
    const scope = ['erase', '--restaurant', 'r1', '--recipient', '+966500000777'];
    const dry = await waitFor(
      async () => {
        const counted = await mersal([...scope, '--dry-run', '--json'], { env });
        return counted.code === 0 ? counted : undefined;
      },
      { describe: 'its outcomes to be published' },
    );
    expect(dry.json()).toEqual({ erased: 1, left: 0, unfinished: [], dryRun: true });
    expect((await mersal(scope, { env })).code).toBe(2);
    expect(await read()).toMatchObject({ conversationId: 'c777', erased: false });

    const done = await mersal([...scope, '--yes', '--json'], { env });
    expect(done.json()).toEqual({ erased: 1, left: 0, unfinished: [], dryRun: false });
    expect(await read()).toMatchObject({ conversationId: null, erased: true });
    expect((await read()).status).toMatch(/^(delivered|read)$/);
    const replay = await mersal(['replay', '--from', from, '--restaurant', 'r1', '--dry-run', '--json'], {
      env,
    });
    expect(replay.json()).toMatchObject({ matched: 1, sent: 0, skipped: 1 });
    const trail = await mersal(['audit', '--subject', 'r1', '--json'], { env });
    expect(trail.out).toContain('"erase"');
    expect(trail.out).not.toContain('500000777');

    const whole = await mersal(['erase', '--restaurant', 'r1', '--yes'], { env });
    expect([whole.code, whole.err]).toEqual([1, expect.stringContaining('is sending')]);
    expect((await mersal(['erase', '--restaurant', 'r1', '--recipient', '0500'], { env })).code).toBe(2);
  });
});

describe('mersal doctor', () => {
  it('finds nothing wrong with a stack that works, and tells what is once a part of it is gone', async () => {
    const well = await mersal(['doctor', '--json'], { env });
    expect(well.err).toBe('');
    const answer = answerOf(well);
    expect(answer.checks.filter((one) => one.state === 'bad')).toEqual([]);
    expect(well.code).toBe(0);
    for (const name of ['postgres', 'kafka', 'partition count', 'redis', 'redis clock', 'ingress', 'sender'])
      expect([name, stateOf(answer, name)]).toEqual([name, 'ok']);
    expect([answer.deployment.length, answer.health.length]).toEqual([7, 6]);
    for (const secret of [
      pipeline.adminToken,
      pipeline.tenant('r1').authToken,
      env['CREDENTIALS_KEY'] as string,
    ])
      expect(well.out).not.toContain(secret);

    await pipeline.services.get('sender-1')?.stop();
    const without = await mersal(['doctor', '--json'], {
      env: { ...env, REDIS_URL: 'redis://127.0.0.1:1' },
    });
    expect(without.code).toBe(1);
    const found = answerOf(without);
    expect([stateOf(found, 'sender'), stateOf(found, 'redis'), stateOf(found, 'redis clock')]).toEqual([
      'bad',
      'bad',
      'unknown',
    ]);
    expect(stateOf(found, 'kafka')).toBe('ok');

    const text = await mersal(['doctor'], { env });
    expect(text.out).toMatch(/✓ Redis server running: .*\n/);
    expect(text.out).toMatch(/✗ Worker process started: .*\n\s+→ .*worker:send/);
  });

  it('ends by itself, with a finding for each, when every engine is away', async () => {
    const nothing = {
      DATABASE_URL: 'postgres://nobody:secret-word@127.0.0.1:1/none',
      KAFKA_BROKERS: '127.0.0.1:1',
      REDIS_URL: 'redis://127.0.0.1:1',
    };
    const away = await mersal(['doctor', '--json'], { env: nothing });
    expect(away.code).toBe(1);
    const answer = answerOf(away);
    for (const name of ['postgres', 'kafka', 'redis', 'environment'])
      expect([name, stateOf(answer, name)]).toEqual([name, 'bad']);
    expect(stateOf(answer, 'queue')).toBe('unknown');
    expect(away.out).not.toContain('secret-word');
  });
});
