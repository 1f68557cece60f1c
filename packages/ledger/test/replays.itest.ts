import {
  beginReplay,
  type Database,
  endReplay,
  migrate,
  openDatabase,
  readReplay,
  type ReplayHold,
  saveReplay,
  takeReplay,
  whileHeld,
} from '@mersal/ledger';
import { freshDatabase, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const TALLY = { matched: 2, sent: 1, skipped: 1, reasons: { sent: 1 } };
const RANGES = new Map([[3, { from: 5n, to: 9n }]]);
const NONE = new Map<number, { from: bigint; to: bigint }>();
let database: Database;

beforeAll(async () => {
  const url = await freshDatabase('replays');
  await migrate(url);
  database = openDatabase({ url, max: 4, application: 'replays-test', onError: () => undefined });
});
afterAll(() => database?.close());

const begin = (): Promise<ReplayHold> =>
  beginReplay(database, { actor: 'a', asked: {}, restaurantId: null, ranges: RANGES });
/** As if the process that has it had been silent for that long. */
const silence = (id: string) =>
  database.run({
    name: '',
    text: 'update replay set held_until = clock_timestamp() where id = $1',
    values: [id],
  });
const held = async (id: string): Promise<boolean | undefined> => (await readReplay(database, id))?.held;

describe('a replay', () => {
  it('is not taken from whoever runs it', async () => {
    const hold = await begin();
    expect(await held(hold.id)).toBe(true);
    expect(await takeReplay(database, hold.id, 'b')).toBeUndefined();
    await saveReplay(database, hold, RANGES, TALLY);
    await endReplay(database, hold, 'a', TALLY);
    expect(await held(hold.id)).toBe(false);
    expect(await takeReplay(database, hold.id, 'b')).toBeUndefined();
  });

  it('whose process went silent is taken by one of those who want it, with what is left of it', async () => {
    const first = await begin();
    await saveReplay(database, first, RANGES, TALLY);
    await silence(first.id);
    const taken = await Promise.all(['b', 'c', 'd'].map((who) => takeReplay(database, first.id, who)));
    const [winner, ...others] = taken.filter((one) => one !== undefined);
    expect(others).toEqual([]);
    expect(winner?.state).toMatchObject({ ranges: RANGES, tally: TALLY, held: true });
    const audit = await database.run({
      name: '',
      text: `select action from audit where detail->>'replay' = $1 order by n`,
      values: [first.id],
    });
    expect(audit).toEqual([{ action: 'replay.begin' }, { action: 'replay.resume' }]);

    // The silent one wakes up.
    const taker = { code: 'replay_taken' };
    await expect(saveReplay(database, first, NONE, { ...TALLY, sent: 7 })).rejects.toMatchObject(taker);
    await expect(endReplay(database, first, 'a', TALLY)).rejects.toMatchObject(taker);
    const state = await readReplay(database, first.id);
    expect(state).toMatchObject({ ranges: RANGES, tally: TALLY, endedAt: null });
    await endReplay(database, winner?.hold as ReplayHold, 'b', TALLY);
  });

  it('is held while its work runs, however long that says nothing, and let go when it fails', async () => {
    const hold = await begin();
    const errors: unknown[] = [];
    const work = whileHeld(
      database,
      hold,
      { beatMs: 5, onError: (error) => errors.push(error) },
      async () => {
        await silence(hold.id);
        await waitFor(() => held(hold.id), { describe: 'a beat' });
        throw new Error('interrupted');
      },
    );
    await expect(work).rejects.toThrow('interrupted');
    expect(errors).toEqual([]);
    const again = await takeReplay(database, hold.id, 'b');
    expect(again?.hold.heldBy).not.toBe(hold.heldBy);
    // Whoever lost it neither keeps it nor lets it go.
    await whileHeld(database, hold, { beatMs: 5, onError: (error) => errors.push(error) }, async () => {
      await waitFor(() => errors.length > 0, { describe: 'a beat in vain' });
    });
    expect(errors[0]).toMatchObject({ code: 'replay_taken' });
    expect(await held(hold.id)).toBe(true);
  });
});
