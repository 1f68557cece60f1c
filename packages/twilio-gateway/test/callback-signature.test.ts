import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyCallbackSignature } from '../src/index.js';

const url = 'https://mersal.example/webhooks/twilio/status?restaurant=r1&message=m%2F1&attempt=1';
const params = { MessageSid: 'SM1', MessageStatus: 'sent', AccountSid: 'AC1' };
const sign = (token: string, signed: string) =>
  createHmac('sha1', token).update(`${signed}AccountSidAC1MessageSidSM1MessageStatussent`).digest('base64');

test('accepts what the token signed, and nothing else', () => {
  expect(verifyCallbackSignature('t', url, params, sign('t', url))).toBe(true);
  expect(verifyCallbackSignature('t', `${url}#rc=2`, params, sign('t', url))).toBe(true);
  expect(verifyCallbackSignature('other', url, params, sign('t', url))).toBe(false);
  expect(verifyCallbackSignature('t', url.replace('r1', 'r2'), params, sign('t', url))).toBe(false);
  expect(verifyCallbackSignature('t', url, { ...params, MessageStatus: 'read' }, sign('t', url))).toBe(false);
  expect(verifyCallbackSignature('t', url, { ...params, Extra: '1' }, sign('t', url))).toBe(false);
});

test('refuses empty tokens, empty signatures and what is no URL, without throwing', () => {
  expect(verifyCallbackSignature('', url, params, sign('', url))).toBe(false);
  expect(verifyCallbackSignature('t', url, params, '')).toBe(false);
  expect(verifyCallbackSignature('t', 'not a url', params, sign('t', 'not a url'))).toBe(false);
});

test("agrees with the provider's published example", () => {
  const example = {
    CallSid: 'CA1234567890ABCDE',
    Caller: '+14158675309',
    Digits: '1234',
    From: '+14158675309',
    To: '+18005551212',
  };
  const at = 'https://mycompany.com/myapp.php?foo=1&bar=2';
  expect(verifyCallbackSignature('12345', at, example, 'RSOYDt4T1cUTdK1PDd93/VVr8B8=')).toBe(true);
});
