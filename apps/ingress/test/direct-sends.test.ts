import { messageId, parseIdKeys, randomU, type SendRequested } from '@mersal/contracts';
import { systemClock } from '@mersal/delivery';
import { LedgerError, type Tenant } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { directReply } from '../src/direct/direct-answer.js';
import { DirectSends, type DirectSendsParts } from '../src/direct/direct-sends.js';
import { toProblem } from '../src/problems/to-problem.js';

const idKeys = parseIdKeys(`1:${Buffer.alloc(32, 1).toString('base64')}`);
const send = {
  restaurantId: 'zafran',
  messageId: messageId(idKeys, 'zafran', randomU()),
  conversationId: 'c',
  priority: 5,
  acceptedAt: 1_800_000_000_000,
} as unknown as SendRequested;
const never = new Error('it was not its turn');

/** What a caller hears whose restaurant's rate is used up, by what the ledger says of the message. */
async function heard(
  inQueue: () => Promise<boolean>,
): Promise<{ status: number; accepted?: unknown; body: object }> {
  const sends = new DirectSends({
    ledger: {
      inQueue,
      claimDirect: () => Promise.reject(never),
    } as Partial<DirectSendsParts['ledger']>,
    tenantOf: () => Promise.resolve({ id: 1, concurrency: 1, ratePerSecond: 1 } as Tenant),
    keyedRate: {
      shared: true,
      reserve: () => Promise.resolve([{ at: Number.POSITIVE_INFINITY, waitMs: 0, granted: false }]),
    },
    defaults: { concurrency: 1, ratePerSecond: null },
    clock: systemClock,
  } as unknown as DirectSendsParts);
  try {
    return directReply(send, await sends.send(send, undefined));
  } catch (error) {
    const { status, body } = toProblem(error);
    return { status, accepted: body.accepted, body };
  }
}

it('a send that finds no place besides the queue says whether the queue has it', async () => {
  expect(await heard(() => Promise.resolve(true))).toMatchObject({ status: 202, body: { status: 'queued' } });
  expect(await heard(() => Promise.resolve(false))).toMatchObject({ status: 429, accepted: false });
  const away = await heard(() => Promise.reject(new LedgerError('unavailable', 'away')));
  expect(away).toMatchObject({ status: 429, accepted: 'unknown', body: { code: 'rate_limited' } });
});
