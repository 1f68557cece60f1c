import { afterAll, beforeAll, expect, it } from 'vitest';
import { forgetPublished } from '../src/events/message-events.js';
import { admit, type Fixture, newMessage, openFixture } from './ledger-fixture.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

it('whoever has read up to an event misses none below it, though two publish at once', async () => {
  const { ledger, database } = fixture;
  const { id: tenant, partition } = await fixture.tenant('r1');
  const own = await ledger.takeOwnership(partition, 'test');
  await admit(ledger, own, [newMessage(tenant, 'a'), newMessage(tenant, 'b')]);
  const [first, second] = await ledger.readOutbox([partition], 10);
  const read = async (): Promise<string[]> =>
    (await ledger.readEvents([{ tenant, u: null, after: '0' }], 10)).flat().map(({ u }) => u);
  let secondIsIn = false;
  let later: Promise<void> | undefined;
  await database.conversation(async (run) => {
    for (const statement of forgetPublished([first?.n ?? ''])) await run(statement);
    later = ledger.forgetPublished([second?.n ?? '']).then(() => {
      secondIsIn = true;
    });
    // Until somebody waits for a lock, or the second is through without.
    await expect
      .poll(
        async () => {
          const [row] = await database.run({
            name: 'test-waiting',
            text: "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted",
            values: [],
          });
          return secondIsIn || (row?.['n'] as number) > 0;
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    expect(await read()).toEqual([]);
  });
  await later;
  expect(await read()).toEqual([first?.u, second?.u]);
});
