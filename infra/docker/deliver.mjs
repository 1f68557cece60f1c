import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;
const FINAL = new Set(['failed', 'dead', 'cancelled', 'expired']);

/**
 * Posts messages to a running installation, and waits until all of them are delivered.
 * @param {{ url: string, key: string, count: number, limitMs: number, to?: string }} options `url`: of ingress
 * @returns {Promise<{ delivered: number, slowestMs: number }>} rejects where one ends otherwise, or has no end in time
 */
export async function deliver({ url, key, count, limitMs, to = '+966500000000' }) {
  const since = performance.now();
  const signal = AbortSignal.timeout(limitMs);
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
  };
  const one = async (/** @type {number} */ number) => {
    const body = JSON.stringify({
      phoneNumber: to,
      text: `طلبك رقم ${number} جاهز`,
      conversationId: `smoke-${number}`,
    });
    const posted = await fetch(`${url}/api/whatsapp/send`, {
      method: 'POST',
      headers,
      body,
      signal,
    });
    if (posted.status !== 202)
      throw new Error(`the send was answered with ${posted.status}: ${await posted.text()}`);
    const { id } = /** @type {{ id: string }} */ (await posted.json());
    for (;;) {
      const read = await fetch(`${url}/api/messages/${id}`, {
        headers,
        signal,
      });
      const { status } = /** @type {{ status?: string }} */ (await read.json());
      if (status === 'delivered' || status === 'read') return performance.now() - since;
      if (status !== undefined && FINAL.has(status)) throw new Error(`message ${id} ended as ${status}`);
      await sleep(POLL_MS, undefined, { signal });
    }
  };
  const times = await Promise.all(Array.from({ length: count }, (_, number) => one(number + 1)));
  return { delivered: times.length, slowestMs: Math.round(Math.max(...times)) };
}
