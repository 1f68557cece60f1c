import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProviderAccount, SendRequest, TwilioGateway } from '../src/index.js';

export const accountA = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'token-of-a' };
export const accountB = { accountSid: `AC${'b'.repeat(32)}`, authToken: 'token-of-b' };
export const numberA = '+14155238886';
export const numberB = '+14155230000';

/** A backend of the port under test: how to make it fail, and what it accepted. */
export interface Backend {
  readonly gateway: TwilioGateway;
  answerNext(httpStatus: number, code?: number, retryAfterS?: number): Promise<void>;
  /** The next send is broken off; `accepted`: after the provider took it. */
  breakNext(how: 'reset' | 'truncated' | 'unparsable', accepted: boolean): Promise<void>;
  acceptedBodies(): Promise<readonly string[]>;
  close(): Promise<void>;
}

let recipients = 0;
/** A recipient that no other test has written to. */
export function newRecipient(): string {
  recipients += 1;
  return `whatsapp:+96650${String(Date.now() % 1_000).padStart(3, '0')}${String(recipients).padStart(4, '0')}`;
}

export function textTo(to: string, body: string): SendRequest {
  return {
    from: `whatsapp:${numberA}`,
    to,
    body,
    statusCallback: 'http://127.0.0.1:9/webhooks/twilio/status?restaurant=r1&message=m&attempt=1',
    validityPeriodS: 14_400,
  };
}

/** The one suite over every backend of the port. */
export function conformance(name: string, make: () => Promise<Backend>): void {
  describe(`gateway conformance: ${name}`, () => {
    let backend: Backend;
    let to: string;
    const list = (account: ProviderAccount = accountA, since = new Date(Date.now() - 5_000)) =>
      backend.gateway.list(account, { to, from: `whatsapp:${numberA}`, since });

    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());
    beforeEach(() => {
      to = newRecipient();
    });

    test('an accepted message has a SID, and is listed and fetched', async () => {
      const outcome = await backend.gateway.send(accountA, textTo(to, 'hello'));
      expect(outcome).toMatchObject({
        class: 'accepted',
        action: 'complete',
        httpStatus: 201,
        status: 'queued',
      });
      expect(outcome.sid).toMatch(/^SM[0-9a-f]{32}$/);
      const listing = await list();
      expect(listing.complete).toBe(true);
      expect(listing.messages).toMatchObject([{ sid: outcome.sid, to, body: 'hello' }]);
      const fetched = await backend.gateway.fetch(accountA, outcome.sid ?? '');
      expect(fetched).toMatchObject({ ok: true, value: { sid: outcome.sid, body: 'hello' } });
    });

    test('a listing begins at its second', async () => {
      await backend.gateway.send(accountA, textTo(to, 'old'));
      expect(await list(accountA, new Date(Date.now() + 60_000))).toEqual({ complete: true, messages: [] });
    });

    test("another account sees nothing of it, and can't use its sender", async () => {
      const outcome = await backend.gateway.send(accountA, textTo(to, 'private'));
      expect(await list(accountB)).toEqual({ complete: true, messages: [] });
      expect(await backend.gateway.fetch(accountB, outcome.sid ?? '')).toEqual({ ok: true, value: null });
      const foreign = await backend.gateway.send(accountB, textTo(to, 'foreign'));
      expect(foreign).toMatchObject({
        class: 'tenant_suspended',
        action: 'hold_tenant',
        countsAttempt: false,
      });
    });

    test('wrong and malformed credentials suspend the tenant', async () => {
      const wrong = { ...accountA, authToken: 'wrong' };
      expect(await backend.gateway.send(wrong, textTo(to, 'x'))).toMatchObject({
        class: 'tenant_suspended',
        code: 20003,
        httpStatus: 401,
      });
      expect((await list(wrong)).failure).toMatchObject({ class: 'tenant_suspended' });
      for (const account of [
        { accountSid: 'nonsense', authToken: 'x' },
        { ...accountA, authToken: '' },
      ]) {
        const outcome = await backend.gateway.send(account, textTo(to, 'x'));
        expect(outcome).toMatchObject({ class: 'tenant_suspended', cause: 'credentials' });
      }
    });

    test.each([
      ['an impossible recipient', { to: 'whatsapp:12' }, 'recipient', 21211],
      ['a body too long', { body: 'x'.repeat(1_601) }, 'content', 21617],
      ['nothing to say', { body: '' }, 'content', 21619],
      ['a template that does not exist', { contentSid: `HX${'0'.repeat(32)}` }, 'template_gone', 21655],
      ['variables without a template', { contentVariables: { 1: 'x' } }, 'content', 21654],
    ])('%s is refused for good', async (_name, change, kind, code) => {
      const outcome = await backend.gateway.send(accountA, { ...textTo(to, 'x'), ...change });
      expect(outcome).toMatchObject({ class: kind, code, httpStatus: 400, known: true });
      expect((await list()).messages).toEqual([]);
    });

    test('a throttle uses up no attempt and tells its wait', async () => {
      await backend.answerNext(429, 20429, 2);
      expect(await backend.gateway.send(accountA, textTo(to, 'x'))).toMatchObject({
        class: 'throttled',
        countsAttempt: false,
        retryAfterMs: 2_000,
      });
      expect((await list()).messages).toEqual([]);
    });

    test('the daily cap pauses the account', async () => {
      await backend.answerNext(429, 63038);
      const outcome = await backend.gateway.send(accountA, textTo(to, 'x'));
      expect(outcome).toMatchObject({ class: 'paused', accountCapped: true, countsAttempt: false });
      expect(outcome.pause).toMatchObject({ scope: 'account' });
    });

    test('an unknown code falls back on the HTTP status, and says so', async () => {
      await backend.answerNext(400, 99_999);
      expect(await backend.gateway.send(accountA, textTo(to, 'x'))).toMatchObject({
        class: 'rejected',
        known: false,
        code: 99_999,
      });
    });

    test('a server error is ambiguous', async () => {
      await backend.answerNext(500);
      expect(await backend.gateway.send(accountA, textTo(to, 'x'))).toMatchObject({
        class: 'ambiguous',
        action: 'reconcile',
      });
    });

    test.each([
      ['reset', false],
      ['reset', true],
      ['truncated', true],
      ['unparsable', true],
    ] as const)('broken (%s, accepted: %s) is ambiguous, and the list tells', async (how, accepted) => {
      await backend.breakNext(how, accepted);
      const outcome = await backend.gateway.send(accountA, textTo(to, `broken ${how}`));
      expect(outcome).toMatchObject({ class: 'ambiguous', cause: how, countsAttempt: true });
      expect(outcome.sid).toBeUndefined();
      const listing = await list();
      expect(listing.complete).toBe(true);
      expect(listing.messages.map((message) => message.body)).toEqual(accepted ? [`broken ${how}`] : []);
    });

    test('tells once that a request was written, before it tells how it ended', async () => {
      const told: string[] = [];
      const onWritten = (): void => void told.push('written');
      await backend.gateway.send(accountA, textTo(to, 'hello'), { onWritten }).then(() => told.push('ended'));
      expect(told).toEqual(['written', 'ended']);
    });

    test('an aborted signal sends nothing', async () => {
      const outcome = await backend.gateway.send(accountA, textTo(to, 'never'), {
        signal: AbortSignal.abort(),
      });
      expect(outcome).toMatchObject({ class: 'not_sent', cause: 'aborted', countsAttempt: false });
      expect((await list()).messages).toEqual([]);
    });

    test('templates: created, found by exact name, fetched, sent; not by another account', async () => {
      const friendlyName = `welcome-${to}`;
      const { contents } = backend.gateway;
      expect(await contents.find(accountA, friendlyName)).toEqual({ ok: true, value: null });
      const created = await contents.create(accountA, {
        friendlyName,
        language: 'en',
        variables: { 1: 'you' },
        types: { 'twilio/text': { body: 'Hello {{1}}' } },
      });
      if (!created.ok) throw new Error(created.outcome.message);
      const { sid } = created.value;
      expect(sid).toMatch(/^HX[0-9a-f]{32}$/);
      expect(await contents.find(accountA, friendlyName)).toMatchObject({ ok: true, value: { sid } });
      expect(await contents.find(accountA, friendlyName.slice(0, -1))).toEqual({ ok: true, value: null });
      expect(await contents.fetch(accountA, sid)).toMatchObject({ ok: true, value: { sid, friendlyName } });
      expect(await contents.fetch(accountB, sid)).toEqual({ ok: true, value: null });
      const { body: _body, ...request } = textTo(to, '');
      expect(
        await backend.gateway.send(accountA, { ...request, contentSid: sid, contentVariables: { 1: 'Ada' } }),
      ).toMatchObject({ class: 'accepted' });
    });

    test('what was accepted is what the outcomes say', async () => {
      const before = (await backend.acceptedBodies()).length;
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, n) => backend.gateway.send(accountA, textTo(to, `n${n}`))),
      );
      expect(new Set(outcomes.map((outcome) => outcome.sid)).size).toBe(20);
      expect((await backend.acceptedBodies()).length).toBe(before + 20);
      expect((await list()).messages).toHaveLength(20);
    });
  });
}
