import type { Simulator } from '../src/simulator.js';

export const account = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'token-a', numbers: ['+14155238886'] };
export const other = { accountSid: `AC${'b'.repeat(32)}`, authToken: 'token-b', numbers: ['+14155230000'] };
export const from = 'whatsapp:+14155238886';
export const to = 'whatsapp:+966500000001';

type Credentials = { readonly accountSid: string; readonly authToken: string };

/** Speaks HTTP to a simulator as a caller of the provider would. */
export function caller(simulator: Simulator, by: Credentials = account) {
  const authorization = `Basic ${Buffer.from(`${by.accountSid}:${by.authToken}`).toString('base64')}`;
  const messagesPath = `/2010-04-01/Accounts/${by.accountSid}/Messages`;
  const call = (
    method: string,
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ) => fetch(`${simulator.url}${path}`, { method, ...init, headers: { authorization, ...init.headers } });
  return {
    call,
    create: (fields: Record<string, string> = {}) =>
      call('POST', `${messagesPath}.json`, {
        body: new URLSearchParams({ From: from, To: to, Body: 'hello', ...fields }),
      }),
    list: (query: Record<string, string> = {}) =>
      call('GET', `${messagesPath}.json?${new URLSearchParams(query).toString()}`),
    fetchMessage: (sid: string) => call('GET', `${messagesPath}/${sid}.json`),
    json: (method: string, path: string, body?: unknown) =>
      call(method, path, {
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    admin: async (method: string, path: string, body?: unknown) => {
      const response = await fetch(`${simulator.url}/_simulator${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    },
  };
}

export async function until<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  ms = 5_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
