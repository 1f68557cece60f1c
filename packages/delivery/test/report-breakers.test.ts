import type { OpenBreaker } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { reportBreakers } from '../src/report/report-breakers.js';

function world(tell: (open: readonly OpenBreaker[]) => Promise<void>) {
  const warnings: string[] = [];
  const open: { account: string | undefined; state: 'open' | 'half_open'; since: number }[] = [];
  let beat = (): void => undefined;
  const report = reportBreakers(
    { open: () => [...open] },
    tell,
    {
      now: () => 5_000,
      wall: () => 1_800_000_000_000,
      every: (_ms, run) => {
        beat = run;
        return () => undefined;
      },
    },
    { warn: (_fields: object, text?: string) => void warnings.push(text ?? '') } as never,
  );
  /** A beat, and whatever it tells. */
  const next = async (): Promise<void> => {
    beat();
    await report.stop();
  };
  return { open, warnings, next };
}

it('breakers are told of while they are not closed, once more when all are, and then no more', async () => {
  const told: (readonly OpenBreaker[])[] = [];
  const { open, next } = world(async (breakers) => void told.push(breakers));
  await next();
  expect(told).toEqual([]);
  open.push(
    { account: undefined, state: 'open', since: 2_000 },
    { account: 'AC1', state: 'half_open', since: 0 },
  );
  await next();
  await next();
  const both = [
    { accountSid: null, state: 'open', since: 1_799_999_997_000 },
    { accountSid: 'AC1', state: 'half_open', since: 1_799_999_995_000 },
  ];
  expect(told).toEqual([both, both]);
  open.length = 0;
  for (let n = 0; n < 3; n += 1) await next();
  expect(told).toEqual([both, both, []]);
});

it('what could not be told is told at the next beat', async () => {
  const told: number[] = [];
  let away = false;
  const { open, warnings, next } = world(async (breakers) => {
    if (away) throw new Error('the ledger is away');
    told.push(breakers.length);
  });
  open.push({ account: undefined, state: 'open', since: 0 });
  await next();
  open.length = 0;
  away = true;
  await next();
  expect(warnings).toHaveLength(1);
  away = false;
  await next();
  expect(told).toEqual([1, 0]);
});
