import { recipientOf } from '@mersal/ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

const NUMBER = '+966501234567';
const OTHER = '+966501234568';
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
}, 120_000);
afterAll(() => fixture?.close());

const erasures = (body: object): Promise<Answer> =>
  fixture.call('POST', '/api/erasures', { key: fixture.adminToken, body });
const ask = (text: string, values: readonly unknown[] = []) =>
  fixture.database.run({ name: '', text, values });

/** So many delivered messages with a body to a recipient, and one that waits. */
async function filed({ id, partition }: TestTenant, number: string, delivered: number): Promise<void> {
  await ask(
    `with m as (
       insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at, recipient, sender)
       select $1, gen_random_uuid(), '1aaaaaaaaaaaa', $2, n, 'c', 5, n, case n when 0 then 0 else 13 end, '-infinity', now() + n * interval '1 ms',
              decode($3, 'hex'), 'whatsapp:+14155238886'
         from generate_series(0, $4::int) n
       returning tenant, u)
     insert into body (tenant, u, record, headers) select tenant, u, 'x', '{}' from m`,
    [id, partition, recipientOf(`whatsapp:${number}`), delivered],
  );
}
const left = async ({ id }: TestTenant) => {
  const [row] = await ask(
    `select (select count(*)::int from body where tenant = $1) as bodies, (select count(*)::int from message where tenant = $1) as ids,
            (select count(*)::int from message where tenant = $1 and erased) as erased`,
    [id],
  );
  return row;
};
const trail = async (restaurantId: string) => {
  const { body } = await fixture.call('GET', `/api/audit?subject=${restaurantId}`, {
    key: fixture.adminToken,
  });
  return (body['items'] as { action: string; actor: string; detail: object }[]).toReversed();
};

it('a recipient’s data is counted, then erased, once; nobody else’s is touched', async () => {
  const tenant = await fixture.tenant('forgetful');
  await filed(tenant, NUMBER, 3);
  await filed(tenant, OTHER, 2);
  const asked = { restaurantId: 'forgetful', phoneNumber: NUMBER };
  const counted = await erasures(asked);
  expect(counted).toMatchObject({
    status: 200,
    body: { restaurantId: 'forgetful', dryRun: true, erased: 3, left: 1, next: null },
  });
  expect(counted.body['unfinished']).toEqual([expect.stringMatching(/^[0-9a-f]{32}-1aaaaaaaaaaaa$/)]);
  expect(await left(tenant)).toEqual({ bodies: 7, ids: 7, erased: 0 });
  expect(await trail('forgetful')).toEqual([]);

  const done = await erasures({ ...asked, dryRun: false });
  expect(done.body).toEqual({ ...counted.body, dryRun: false });
  expect(await left(tenant)).toEqual({ bodies: 4, ids: 7, erased: 3 });
  const again = await erasures({ ...asked, dryRun: false });
  expect(again.body).toEqual({ ...done.body, erased: 0 });
  const recipient = recipientOf(`whatsapp:${NUMBER}`);
  const begin = { actor: 'first-admin', action: 'erase.begin', detail: { recipient } };
  const end = (erased: number) => ({
    actor: 'first-admin',
    action: 'erase',
    detail: { recipient, erased, left: 1, end: 'done' },
  });
  expect(await trail('forgetful')).toMatchObject([begin, end(3), begin, end(0)]);
  expect(JSON.stringify(await trail('forgetful'))).not.toContain('501234567');
  // The last message is in the log by now: neither text nor number is.
  expect(fixture.service.lines.join('\n')).not.toContain('501234567');
});

it('a restaurant’s whole data is erased while it stands still, over as many requests as it takes', async () => {
  const tenant = await fixture.tenant('leaving');
  await filed(tenant, NUMBER, 20_500);
  const asked = { restaurantId: 'leaving', all: true, dryRun: false };
  expect(await erasures(asked)).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect(await left(tenant)).toMatchObject({ erased: 0 });
  const pause = { scope: 'tenant', restaurantId: 'leaving', reason: 'contract ended' };
  expect(
    (await fixture.call('POST', '/api/pauses', { key: fixture.adminToken, body: pause })).status,
  ).toBeLessThan(300);
  const first = await erasures(asked);
  expect(first).toMatchObject({ status: 200, body: { erased: 20_000, left: 0 } });
  const rest = await erasures({ ...asked, cursor: first.body['next'] });
  expect(rest).toMatchObject({ status: 200, body: { erased: 500, left: 1, next: null } });
  expect(await left(tenant)).toEqual({ bodies: 1, ids: 20_501, erased: 20_500 });
}, 60_000);

it('says all that is wrong with what is asked for', async () => {
  await fixture.tenant('careful');
  const wrong = await erasures({ restaurantId: '?', phoneNumber: '12', all: true, dryRun: 'no', more: 1 });
  expect(wrong.status).toBe(400);
  const pointers = (answer: Answer) =>
    (answer.body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer).toSorted();
  expect(pointers(wrong)).toEqual(['/dryRun', '/more', '/phoneNumber', '/phoneNumber', '/restaurantId']);
  expect(pointers(await erasures({ restaurantId: 'careful' }))).toEqual(['/phoneNumber']);
  expect(pointers(await erasures({ restaurantId: 'nobody', all: true }))).toEqual(['/restaurantId']);
  expect(pointers(await erasures({ restaurantId: 'careful', all: true, cursor: 'x' }))).toEqual(['/cursor']);
});
