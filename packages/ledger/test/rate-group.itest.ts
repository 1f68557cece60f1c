import { beat, changeGroup } from '@mersal/ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requireRateEpoch } from '../src/rate-group/rate-group.js';
import { type Fixture, openFixture, waitingForLocks } from './ledger-fixture.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

/** How long a claim of the old epoch holds it, in ms. */
const HELD_MS = 1_000;

it('an epoch of the rate is as old as the end of the last claim before it, however long that took', async () => {
  const { database } = fixture;
  const { group } = await beat(database, 'a', true);
  let change: ReturnType<typeof changeGroup> | undefined;
  await database.conversation(async (run) => {
    await run(requireRateEpoch(group.epoch));
    change = changeGroup(database, group.epoch, { mode: 'shares', members: ['a', 'b'] });
    await expect.poll(() => waitingForLocks(database), { timeout: 5_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  });
  const committedAt = performance.now();
  expect(await change).toMatchObject({ mode: 'shares', epoch: group.epoch + 1 });
  const seen = (await beat(database, 'b', true)).group;
  expect(seen.epoch).toBe(group.epoch + 1);
  // The commit itself is heard a little after it is made.
  expect(seen.ageMs).toBeLessThan(performance.now() - committedAt + HELD_MS / 2);
});

it('of two changes of one epoch the one that waited for the other changes nothing', async () => {
  const { database } = fixture;
  const { group } = await beat(database, 'a', true);
  const to = { mode: 'shares', members: ['a'] } as const;
  const changes = await Promise.all([
    changeGroup(database, group.epoch, to),
    changeGroup(database, group.epoch, to),
  ]);
  expect(changes.filter((one) => one !== undefined)).toHaveLength(1);
  expect((await beat(database, 'a', true)).group.epoch).toBe(group.epoch + 1);
});
