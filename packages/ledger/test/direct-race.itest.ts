import {
  type DirectAnswer,
  type DirectMessage,
  MESSAGE,
  type NewMessage,
  type Settlement,
} from '@mersal/ledger';
import { waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admit, type Fixture, newMessage, openFixture, waitingForLocks } from './ledger-fixture.js';

const LIMITS = { leaseMs: 20_000, concurrency: 5 };
const DAY_MS = 86_400_000;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

function directOf({ kafkaOffset: _offset, sendAt: _sendAt, ...message }: NewMessage): DirectMessage {
  return message;
}

function refused(message: NewMessage, answer: DirectAnswer): Settlement {
  if (answer.kind !== 'claimed') throw new Error(`not claimed: ${answer.kind}`);
  const { slot, attempt, redrive, accountSid } = answer.claim;
  return {
    tenant: message.tenant,
    lane: message.lane,
    u: message.u,
    slot,
    attempt,
    redrive,
    state: MESSAGE.refused,
    onward: 'advance',
    counted: true,
    accountSid,
    errorClass: 'transient',
    outcome: 'transient',
    startedAt: Date.now(),
    finishedAt: Date.now(),
    event: null,
    detail: {},
  };
}

it.each(['the same body', 'another body'])(
  'a record that is admitted while its send without the queue commits, with %s, is not forgotten',
  async (kind) => {
    const { ledger, database } = fixture;
    const { id, partition } = await fixture.tenant(`race ${kind}`.replaceAll(' ', '-'));
    const own = await ledger.takeOwnership(partition, 'test');
    const message = newMessage(id, 'c');
    const record = kind === 'the same body' ? message : { ...message, bodyHash: '11'.repeat(32) };
    let claiming: Promise<DirectAnswer> | undefined;
    let admitting: Promise<unknown> | undefined;
    const over = new Error('over');
    await database
      .conversation(async (run) => {
        // Holds the claim up between its insert and its commit.
        await run({
          name: 'test-hold',
          text: "insert into body (tenant, u, record, headers) values ($1, $2, '', '{}')",
          values: [id, message.u],
        });
        claiming = ledger.claimDirect(directOf(message), LIMITS);
        await waitFor(async () => (await waitingForLocks(fixture.database)) === 1, {
          describe: 'the claim to wait for us',
        });
        admitting = admit(ledger, own, [record]);
        await waitFor(async () => (await waitingForLocks(fixture.database)) === 2, {
          describe: 'admission to wait for the claim',
        });
        throw over;
      })
      .catch((error: unknown) => {
        if (error !== over) throw error;
      });
    const answer = (await claiming) as DirectAnswer;
    await admitting;
    if (kind === 'another body') {
      const dead = await ledger.readDeadRecords([partition], 10);
      expect(dead.map(({ reason }) => reason)).toEqual(['idempotency_conflict']);
      return;
    }
    await ledger.settle([refused(message, answer)]);
    expect((await ledger.wake([own], 100)).map(({ u }) => u)).toEqual([message.u]);
  },
);

it('a send that was refused, forgotten in detail, and then comes through Kafka is whole again', async () => {
  const { ledger, database } = fixture;
  const { id, partition } = await fixture.tenant('erased');
  const own = await ledger.takeOwnership(partition, 'test');
  const message = newMessage(id, 'c', { acceptedAt: Date.now() - 40 * DAY_MS });
  await ledger.settle([refused(message, await ledger.claimDirect(directOf(message), LIMITS))]);
  await database.run({
    name: 'test-age',
    text: "update message set changed_at = clock_timestamp() - interval '31 days' where tenant = $1 and u = $2",
    values: [id, message.u],
  });
  await ledger.prune({ detailMs: 30 * DAY_MS, idMs: 45 * DAY_MS }, 100);
  expect((await ledger.readMessage(id, message.u))?.record).toBeNull();
  await admit(ledger, own, [message]);
  const { claims } = await ledger.claim([own], await ledger.wake([own], 100), LIMITS);
  expect(claims).toMatchObject([{ u: message.u, sender: message.sender, conversation: 'c' }]);
});
