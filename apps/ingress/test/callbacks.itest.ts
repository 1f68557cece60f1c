import { createHmac } from 'node:crypto';
import { decodeEvent, partitionFor, topicNames } from '@mersal/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFixture, PARTITIONS, type TestTenant } from './ingress-fixture.js';

let fixture: Fixture;
let tenant: TestTenant;
let other: TestTenant;
let messageId: string;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
beforeAll(async () => {
  fixture = await openFixture();
  tenant = await fixture.tenant('bayt.al:shawarma');
  other = await fixture.tenant('zafran');
  messageId = (await fixture.send(tenant, { phoneNumber: '+966501234567', text: 'x' })).body['id'] as string;
}, 120_000);
afterAll(() => fixture?.close());

/** As Twilio's documentation has it: the URL and the form's sorted names and values, by HMAC-SHA1. */
function sign(token: string, url: string, form: Record<string, string>): string {
  const fields = Object.keys(form).sort();
  return createHmac('sha1', token)
    .update(url + fields.map((name) => `${name}${form[name] ?? ''}`).join(''))
    .digest('base64');
}

interface Forgery {
  readonly token?: string;
  readonly query?: Record<string, string>;
  readonly signedFor?: string;
  readonly signature?: string | null;
  readonly form?: Record<string, string>;
  readonly signedForm?: Record<string, string>;
}

/** What Twilio does: signs the public URL that it was given, and the form; then posts wherever that leads. */
async function callBack(forgery: Forgery = {}): Promise<{ status: number; text: string }> {
  const query = new URLSearchParams({
    restaurant: tenant.restaurantId,
    message: messageId,
    attempt: '1',
    account: tenant.accountSid,
    traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
    ...forgery.query,
  });
  const path = `/webhooks/twilio/status?${query.toString()}`;
  const form = {
    MessageSid: `SM${'1'.repeat(32)}`,
    MessageStatus: 'delivered',
    AccountSid: tenant.accountSid,
    To: 'whatsapp:+966501234567',
    ...forgery.form,
  };
  const signedUrl = `${forgery.signedFor ?? 'https://mersal.example'}${path}`;
  const signature =
    forgery.signature === undefined
      ? sign(forgery.token ?? tenant.authToken, signedUrl, forgery.signedForm ?? form)
      : forgery.signature;
  const answer = await fetch(`${fixture.url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(signature === null ? {} : { 'x-twilio-signature': signature }),
    },
    body: new URLSearchParams(form).toString(),
  });
  return { status: answer.status, text: await answer.text() };
}

const callbacks = () => fixture.records(topicNames(fixture.queue).callbacks);

describe('a genuine callback', () => {
  it('is in the log when it is answered, in its restaurant’s partition, and continues the trace', async () => {
    const form = { MessageStatus: 'undelivered', ErrorCode: '63018' };
    expect(await callBack({ form })).toEqual({ status: 204, text: '' });
    const record = (await callbacks()).at(-1);
    expect(record).toMatchObject({
      partition: partitionFor(tenant.restaurantId, PARTITIONS),
      event: { type: 'mersal.callback.received.v1', subject: tenant.restaurantId },
    });
    expect(record?.key?.toString()).toBe(tenant.restaurantId);
    expect(record?.event?.traceparent).toContain(TRACE);
    expect(record?.event?.traceparent).not.toContain('b7ad6b7169203331');
    expect(decodeEvent(record?.headers ?? {}, record?.value ?? null).data).toMatchObject({
      restaurantId: tenant.restaurantId,
      messageId,
      attempt: 1,
      accountSid: tenant.accountSid,
      sid: `SM${'1'.repeat(32)}`,
      status: 'undelivered',
      errorCode: 63018,
    });
  });

  it('says what a named template stood for, where its URL does', async () => {
    const contentSid = `HX${'a'.repeat(32)}`;
    expect((await callBack({ query: { content: contentSid } })).status).toBe(204);
    const record = (await callbacks()).at(-1);
    expect(decodeEvent(record?.headers ?? {}, record?.value ?? null).data).toMatchObject({ contentSid });
  });

  it('that is repeated has the id that it had', async () => {
    await callBack();
    await callBack();
    const [one, two] = (await callbacks()).slice(-2);
    expect(two?.event?.id).toBe(one?.event?.id);
  });

  it('of an account that the restaurant had before is taken', async () => {
    const former = { accountSid: tenant.accountSid, token: tenant.authToken };
    const moved = await fixture.tenant(tenant.restaurantId);
    expect(moved.accountSid).not.toBe(former.accountSid);
    expect((await callBack()).status).toBe(204);
    const now = {
      query: { account: moved.accountSid },
      form: { AccountSid: moved.accountSid },
      token: moved.authToken,
    };
    expect((await callBack(now)).status).toBe(204);
    expect((await callBack({ ...now, token: former.token })).status).toBe(403);
  });

  it('with a status that nobody knows yet is answered, counted, and not put into the log', async () => {
    const before = (await callbacks()).length;
    expect((await callBack({ form: { MessageStatus: 'teleported' } })).status).toBe(204);
    expect((await callbacks()).length).toBe(before);
    const scraped = await (await fetch(`${fixture.service.url}/metrics`)).text();
    expect(scraped).toMatch(/mersal_callbacks_total\{[^}]*result="unknown_status"[^}]*\} 1/);
  });
});

describe('a forged callback', () => {
  const cases: [string, () => Forgery][] = [
    ['without a signature', () => ({ signature: null })],
    ['with an empty one', () => ({ signature: '' })],
    ['with another', () => ({ signature: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' })],
    ['signed by another restaurant', () => ({ token: other.authToken })],
    ['signed for another address', () => ({ signedFor: 'https://evil.example' })],
    ['with a form that was changed', () => ({ signedForm: { MessageStatus: 'sent' } })],
    ['for a restaurant that there is not', () => ({ query: { restaurant: 'nobody' } })],
    [
      'for an account of another restaurant',
      () => ({ query: { account: other.accountSid }, token: other.authToken }),
    ],
    ['of another account than the URL says', () => ({ form: { AccountSid: other.accountSid } })],
    [
      'of another restaurant, for a message of this one',
      () => ({ query: { restaurant: other.restaurantId } }),
    ],
  ];
  it.each(cases)('%s → 403, alike', async (_name, forge) => {
    const before = (await callbacks()).length;
    const { status, text } = await callBack(forge());
    expect(status).toBe(403);
    expect(JSON.parse(text)).toEqual({
      type: 'urn:mersal:problem:signature_invalid',
      title: 'The signature does not fit',
      status: 403,
      code: 'signature_invalid',
    });
    expect((await callbacks()).length).toBe(before);
  });

  it('whose URL names nothing → 403; too large → 413; JSON → 403', async () => {
    const post = (type: string, body: string) =>
      fetch(`${fixture.url}/webhooks/twilio/status`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
    expect((await post('application/x-www-form-urlencoded', 'a=b')).status).toBe(403);
    expect((await post('application/x-www-form-urlencoded', `a=${'x'.repeat(70_000)}`)).status).toBe(413);
    expect((await post('application/json', '{}')).status).toBe(403);
  });
});
