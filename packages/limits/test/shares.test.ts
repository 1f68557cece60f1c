import { createShare, nextGroup, REDIS_BACK_MS, type MemberView } from '@mersal/limits';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const ok = (name: string, ms = REDIS_BACK_MS): MemberView => ({ name, redisOkMs: ms });
const away = (name: string): MemberView => ({ name, redisOkMs: null });

describe('the group', () => {
  it('goes over to shares as soon as one member has lost Redis', () => {
    expect(nextGroup({ mode: 'redis', members: [] }, [ok('a'), away('b')])).toEqual({
      mode: 'shares',
      members: ['a', 'b'],
    });
    expect(nextGroup({ mode: 'redis', members: [] }, [ok('a', 0), ok('b')])).toBeUndefined();
  });
  it('shares anew when a member comes or goes', () => {
    const group = { mode: 'shares', members: ['b', 'a'] } as const;
    expect(nextGroup(group, [away('a'), away('b')])).toBeUndefined();
    expect(nextGroup(group, [away('a')])).toEqual({ mode: 'shares', members: ['a'] });
    expect(nextGroup(group, [away('a'), away('b'), ok('c')])).toEqual({
      mode: 'shares',
      members: ['a', 'b', 'c'],
    });
  });
  it('goes back only when Redis has answered every living member for long enough', () => {
    const group = { mode: 'shares', members: ['a', 'b'] } as const;
    expect(nextGroup(group, [ok('a'), ok('b', REDIS_BACK_MS - 1)])).toBeUndefined();
    expect(nextGroup(group, [ok('a'), ok('b')])).toEqual({ mode: 'redis', members: [] });
  });
});

describe('shares', () => {
  it('of any number of members together stay within the limit in any 1,000 ms', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 8, maxLength: 8 }),
        async (members, starts) => {
          const instants: number[] = [];
          for (let member = 0; member < members; member += 1) {
            let clock = starts[member] as number;
            const share = createShare({ perSecond: 80, members, now: () => clock });
            while (clock < 5_000) {
              const got = await share.reserve(4);
              if (got.kind === 'instants') instants.push(...got.instants.map((instant) => instant.at));
              else clock = got.retryAt;
            }
          }
          instants.sort((a, b) => a - b);
          let from = 0;
          for (const [to, at] of instants.entries()) {
            while (at - (instants[from] as number) >= 1_000) from += 1;
            if (to - from + 1 > 80) return false;
          }
          return instants.length > 250;
        },
      ),
      { numRuns: 60 },
    );
  });
});
