import { describe, expect, it } from 'vitest';
import { LedgerError } from '../src/errors.js';
import { GroupCommit } from '../src/group-commit.js';

function group(run: (calls: readonly number[]) => Promise<readonly string[]>) {
  const runs: number[][] = [];
  const commit = new GroupCommit<number, string>({
    lingerMs: 1,
    most: 3,
    run: (calls) => {
      runs.push([...calls]);
      return run(calls);
    },
  });
  return { commit, runs };
}

describe('a group commit', () => {
  it('carries calls of the same moment out together, and those that come meanwhile next', async () => {
    const { commit, runs } = group((calls) => Promise.resolve(calls.map(String)));
    const first = [commit.call(1), commit.call(2)];
    const later = first[0]!.then(() => commit.call(3));
    expect(await Promise.all([...first, later])).toEqual(['1', '2', '3']);
    expect(runs).toEqual([[1, 2], [3]]);
  });
  it('takes no more than it is told at once', async () => {
    const { commit, runs } = group((calls) => Promise.resolve(calls.map(String)));
    expect(await Promise.all([1, 2, 3, 4].map((n) => commit.call(n)))).toEqual(['1', '2', '3', '4']);
    expect(runs).toEqual([[1, 2, 3], [4]]);
  });
  it('none suffers for another that is refused', async () => {
    const { commit, runs } = group((calls) =>
      calls.includes(2)
        ? Promise.reject(new LedgerError('fenced', 'another owner'))
        : Promise.resolve(calls.map(String)),
    );
    const ends = await Promise.allSettled([1, 2, 3].map((n) => commit.call(n)));
    expect(ends.map((end) => end.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(runs).toEqual([[1, 2, 3], [1], [2], [3]]);
  });
  it('tells all when the database is away, and goes on afterwards', async () => {
    let away = true;
    const { commit, runs } = group((calls) =>
      away ? Promise.reject(new LedgerError('unavailable', 'away')) : Promise.resolve(calls.map(String)),
    );
    const ends = await Promise.allSettled([commit.call(1), commit.call(2)]);
    expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected']);
    away = false;
    expect(await commit.call(3)).toBe('3');
    expect(runs).toEqual([[1, 2], [3]]);
  });
});
