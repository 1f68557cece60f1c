import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../src/simulator.js';
import { account, caller, from, other, to } from './caller.js';
import {
  approvalCreateShape,
  approvalFetchShape,
  contentListShape,
  contentShape,
  errorShape,
  messageListShape,
  messageShape,
} from './provider-shapes.js';

let simulator: Simulator;
let api: ReturnType<typeof caller>;
beforeAll(async () => {
  simulator = await createSimulator({ accounts: [account, other] });
  api = caller(simulator);
});
afterAll(() => simulator.close());

describe('messages', () => {
  test('create, fetch and list answer in the shapes of the provider', async () => {
    const response = await api.create();
    expect(response.status).toBe(201);
    expect(response.headers.get('twilio-request-duration')).toMatch(/^\d+\.\d{3}$/);
    expect(response.headers.get('twilio-concurrent-requests')).toBe('1');
    const message = messageShape.parse(await response.json());
    expect(message).toMatchObject({
      from,
      to,
      body: 'hello',
      status: 'queued',
      date_sent: null,
      num_media: '0',
    });
    expect(messageShape.parse(await (await api.fetchMessage(message.sid)).json()).sid).toBe(message.sid);
    const list = messageListShape.parse(await (await api.list({ To: to })).json());
    expect(list.messages.map((item) => item.sid)).toContain(message.sid);
  });

  test.each([
    ['no recipient', { To: '' }, 400, 21604],
    ['a recipient that is no number', { To: 'whatsapp:+12' }, 400, 21211],
    ['letters as a recipient', { To: 'whatsapp:+9665abc' }, 400, 21211],
    ['no sender', { From: '' }, 400, 21603],
    ["another account's sender", { From: 'whatsapp:+14155230000' }, 400, 63007],
    ["another account's sender by SMS", { From: '+14155230000', To: '+966500000001' }, 400, 21606],
    ['a sender of another channel', { From: '+14155238886' }, 400, 63007],
    ['itself', { To: from }, 400, 63031],
    ['a body of 1,601 characters', { Body: 'x'.repeat(1_601) }, 400, 21617],
    ['no body', { Body: '' }, 400, 21619],
    ['a malformed template', { ContentSid: 'HX1' }, 400, 21655],
    ['an unknown template', { ContentSid: `HX${'0'.repeat(32)}` }, 400, 21655],
    ['variables without a template', { ContentVariables: '{}' }, 400, 21654],
    ['a callback that is no URL', { StatusCallback: 'nowhere' }, 400, 21609],
    ['a validity of no time', { ValidityPeriod: '0' }, 400, 20001],
  ])('refuses %s', async (_name, fields, status, code) => {
    const before = simulator.stats().accepted;
    const response = await api.create(fields);
    expect(response.status).toBe(status);
    expect(errorShape.parse(await response.json())).toMatchObject({ code, status });
    expect(simulator.stats().accepted).toBe(before);
  });

  test('counts characters, not code units: 1,600 emoji pass', async () => {
    expect((await api.create({ Body: '🙂'.repeat(1_600) })).status).toBe(201);
  });

  test.each([
    ['a wrong token', { accountSid: account.accountSid, authToken: 'wrong' }],
    ['an unknown account', { accountSid: `AC${'0'.repeat(32)}`, authToken: 'token-a' }],
  ])('%s is 401 with 20003', async (_name, credentials) => {
    const response = await caller(simulator, credentials).create();
    expect(response.status).toBe(401);
    expect(errorShape.parse(await response.json()).code).toBe(20003);
  });

  test("one account's credentials open no other account's path", async () => {
    const response = await caller(simulator, other).call(
      'GET',
      `/2010-04-01/Accounts/${account.accountSid}/Messages.json`,
    );
    expect(response.status).toBe(401);
  });

  test('a body that is no form is refused', async () => {
    const path = `/2010-04-01/Accounts/${account.accountSid}/Messages.json`;
    expect((await api.json('POST', path, { To: to })).status).toBe(400);
  });

  test('pages follow by token, newest first, though messages arrive in between', async () => {
    const recipient = 'whatsapp:+966500000777';
    const sids: string[] = [];
    for (let n = 0; n < 7; n += 1)
      sids.unshift(messageShape.parse(await (await api.create({ To: recipient, Body: `n${n}` })).json()).sid);
    const seen: string[] = [];
    let path: string | null =
      `/2010-04-01/Accounts/${account.accountSid}/Messages.json?${new URLSearchParams({ To: recipient, From: from, PageSize: '3' }).toString()}`;
    let pages = 0;
    while (path) {
      const page = messageListShape.parse(await (await api.call('GET', path)).json());
      seen.push(...page.messages.map((message) => message.sid));
      path = page.next_page_uri;
      pages += 1;
      await api.create({ To: recipient, Body: 'late' });
    }
    expect(pages).toBe(3);
    expect(seen).toEqual(sids);
  });

  test('date filters are on date_sent: what was not sent yet matches none', async () => {
    const slow = await createSimulator({ accounts: [account], callbacks: { sentMs: 60_000 } });
    const slowApi = caller(slow);
    await slowApi.create();
    const today = new Date().toISOString().slice(0, 10);
    const list = async (query: Record<string, string>) =>
      messageListShape.parse(await (await slowApi.list(query)).json()).messages.length;
    expect(await list({})).toBe(1);
    expect(await list({ 'DateSent>': today })).toBe(0);
    await slow.close();
  });

  test('an unknown message and an unknown path are 404 with 20404', async () => {
    for (const response of [
      await api.fetchMessage(`SM${'0'.repeat(32)}`),
      await api.call('GET', '/2010-04-01/Nothing'),
    ]) {
      expect(response.status).toBe(404);
      expect(errorShape.parse(await response.json()).code).toBe(20404);
    }
  });
});

describe('content', () => {
  const definition = {
    friendly_name: 'welcome',
    language: 'en',
    variables: { 1: 'you' },
    types: { 'twilio/text': { body: 'Hello {{1}} and {{2}}' } },
  };

  test('create, fetch, list, approve, send and delete in the shapes of the provider', async () => {
    const created = await api.json('POST', '/v1/Content', definition);
    expect(created.status).toBe(201);
    const { sid } = contentShape.parse(await created.json());
    expect(contentShape.parse(await (await api.call('GET', `/v1/Content/${sid}`)).json()).sid).toBe(sid);
    contentListShape.parse(await (await api.call('GET', '/v1/Content?PageSize=1')).json());

    const unsubmitted = approvalFetchShape.parse(
      await (await api.call('GET', `/v1/Content/${sid}/ApprovalRequests`)).json(),
    );
    expect(unsubmitted.whatsapp.status).toBe('unsubmitted');
    const approval = { name: 'welcome', category: 'UTILITY' };
    const submitted = await api.json('POST', `/v1/Content/${sid}/ApprovalRequests/whatsapp`, approval);
    expect(submitted.status).toBe(201);
    expect(approvalCreateShape.parse(await submitted.json()).status).toBe('received');
    await api.admin('POST', `/content/${account.accountSid}/${sid}/approval`, { status: 'approved' });
    const approved = approvalFetchShape.parse(
      await (await api.call('GET', `/v1/Content/${sid}/ApprovalRequests`)).json(),
    );
    expect(approved.whatsapp.status).toBe('approved');

    const variables = { Body: '', ContentSid: sid, ContentVariables: '{"2":"Ada"}' };
    expect(messageShape.parse(await (await api.create(variables)).json()).body).toBe('Hello you and Ada');
    expect(await (await api.create({ ...variables, ContentVariables: '{"2":""}' })).json()).toMatchObject({
      code: 21656,
    });
    expect(await (await api.create({ ...variables, ContentVariables: 'no' })).json()).toMatchObject({
      code: 21656,
    });

    expect((await caller(simulator, other).call('GET', `/v1/Content/${sid}`)).status).toBe(404);
    expect((await api.call('DELETE', `/v1/Content/${sid}`)).status).toBe(204);
    expect(await (await api.create(variables)).json()).toMatchObject({ code: 21655 });
  });

  test('names are in snake_case and need a type', async () => {
    for (const body of [
      { ...definition, types: {} },
      { friendlyName: 'x', language: 'en' },
      { ...definition, language: undefined },
    ])
      expect((await api.json('POST', '/v1/Content', body)).status).toBe(400);
  });

  test('pages of an account hold all of its own, once', async () => {
    const fresh = await createSimulator({ accounts: [account, other] });
    const freshApi = caller(fresh);
    for (let n = 0; n < 5; n += 1)
      await freshApi.json('POST', '/v1/Content', { ...definition, friendly_name: `t${n}` });
    await caller(fresh, other).json('POST', '/v1/Content', definition);
    const names: (string | null)[] = [];
    let path: string | null = '/v1/Content?PageSize=2';
    while (path) {
      const page = contentListShape.parse(await (await freshApi.call('GET', path)).json());
      names.push(...page.contents.map((content) => content.friendly_name));
      const next: string | null = page.meta.next_page_url;
      path = next && new URL(next).pathname + new URL(next).search;
    }
    expect(names).toEqual(['t0', 't1', 't2', 't3', 't4']);
    await fresh.close();
  });

  test('a template deleted in the console is gone', async () => {
    const { sid } = contentShape.parse(await (await api.json('POST', '/v1/Content', definition)).json());
    expect((await api.admin('DELETE', `/content/${account.accountSid}/${sid}`)).status).toBe(200);
    expect((await api.call('GET', `/v1/Content/${sid}`)).status).toBe(404);
  });
});
