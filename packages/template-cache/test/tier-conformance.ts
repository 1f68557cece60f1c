import { waitFor } from '@mersal/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityOf, type TemplateIdentity } from '../src/template-identity.js';
import type { SidTier, StoredSid } from '../src/tiers/sid-tier.js';

/** Where tiers differ on purpose. */
export interface TierTraits {
  /** Which of two SIDs under one identity stays: a row that others rely on is the first, a copy follows what it was told last. */
  readonly keeps: 'first' | 'last';
  /** Whether it says that a SID was removed lately. */
  readonly remembersRemovals: boolean;
  /** Whether it stores again a SID that was removed lately: a copy does not, as who brings it looked it up before. */
  readonly takesBack: boolean;
  /** Whether it can tell all of an account. */
  readonly listsAccounts: boolean;
  /** Whether another process sees the same. */
  readonly shared: boolean;
  /** Whether it forgets by itself, both SIDs and removals. */
  readonly expires: boolean;
}

export interface TierUnderTest {
  /** As one process has it. `quick`: with lifetimes that end soon. */
  readonly open: (
    quick: boolean,
  ) => SidTier & { removeAccount?: (account: string) => StoredSid[] | Promise<StoredSid[]> };
  /** Lets time pass, so that after some calls whatever expires soon has expired. */
  readonly elapse: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Keys and accounts that some store may take for something else than text. */
const ODD_TEXTS = [
  'طلبك_جاهز',
  'قائمة الطعام «اليوم»',
  `it's "quoted" \`so\``,
  "'; drop table template_sid; --",
  '{braces}:*?[a-z]\\',
  '$1 %s ${x} \\u0041',
  'line\nfeed\ttab\r\u0001\u007f',
  ' spaces ',
  'spaces',
  'Case',
  'case',
  // One letter in two spellings, which are two keys.
  'caf\u00e9',
  'cafe\u0301',
  '\u200fmarks\u200e',
  '😀👩‍👩‍👧',
  '\ufffd\ufffe',
  '__proto__',
  'null',
  'ط'.repeat(256),
  'k'.repeat(256),
];

/** What every tier of SIDs does alike, and what its traits say besides. */
export function describeTier(name: string, traits: TierTraits, setUp: () => Promise<TierUnderTest>): void {
  let under: TierUnderTest;
  let tier: ReturnType<TierUnderTest['open']>;
  let run = 0;
  beforeAll(async () => {
    under = await setUp();
    tier = under.open(false);
  });
  afterAll(() => under?.close());

  const identity = (key: string, account = 'AC1', data?: unknown): TemplateIdentity =>
    identityOf({ account, key, language: undefined, data });
  /** Of this test only. */
  const fresh = (): string => `${name}-${(run += 1)}`;

  describe(`the ${name} tier`, () => {
    it('knows nothing that it was not given, and gives back what it was', async () => {
      const one = identity(fresh());
      expect(await tier.get(one)).toMatchObject({ sid: undefined, gone: false });
      expect(await tier.put(one, 'HX1')).toBe('HX1');
      expect((await tier.get(one)).sid).toBe('HX1');
      expect(await tier.put(one, 'HX1')).toBe('HX1');
    });

    it('keeps accounts, keys and contents apart', async () => {
      const key = fresh();
      const all = [
        identity(key),
        identity(key, 'AC2'),
        identity(`${key}x`),
        identity(key, 'AC1', { body: 'طلبك جاهز' }),
      ];
      for (const [n, one] of all.entries()) await tier.put(one, `HX${n}00`);
      for (const [n, one] of all.entries()) expect((await tier.get(one)).sid).toBe(`HX${n}00`);
    });

    it('deletes a SID only if it still is that one', async () => {
      const one = identity(fresh());
      expect(await tier.remove(one, 'HX1')).toBe(false);
      await tier.put(one, 'HX1');
      expect(await tier.remove(one, 'HX2')).toBe(false);
      expect(await tier.remove(one, 'HX')).toBe(false);
      expect((await tier.get(one)).sid).toBe('HX1');
      expect(await tier.remove(one, 'HX1')).toBe(true);
      expect((await tier.get(one)).sid).toBeUndefined();
      expect(await tier.remove(one, 'HX1')).toBe(false);
      expect(await tier.put(one, 'HX2')).toBe('HX2');
      expect((await tier.get(one)).sid).toBe('HX2');
    });

    it(`keeps the ${traits.keeps} of two SIDs, and says which`, async () => {
      const one = identity(fresh());
      await tier.put(one, 'HX1');
      const kept = traits.keeps === 'first' ? 'HX1' : 'HX2';
      expect(await tier.put(one, 'HX2')).toBe(kept);
      expect((await tier.get(one)).sid).toBe(kept);
    });

    it(`${traits.remembersRemovals ? 'remembers' : 'does not remember'} that a SID was removed`, async () => {
      const [here, elsewhere, never] = [identity(fresh()), identity(fresh()), identity(fresh())];
      await tier.put(here, 'HX1');
      await tier.remove(here, 'HX1');
      expect(await tier.remove(elsewhere, 'HX1', true)).toBe(false);
      await tier.remove(never, 'HX1');
      const gone = traits.remembersRemovals;
      expect(await tier.get(here)).toMatchObject({ sid: undefined, gone });
      expect(await tier.get(elsewhere)).toMatchObject({ sid: undefined, gone });
      expect(await tier.get(never)).toMatchObject({ sid: undefined, gone: false });
    });

    it(`${traits.takesBack ? 'takes back' : 'does not take back'} a SID that was removed lately`, async () => {
      const [here, elsewhere] = [identity(fresh()), identity(fresh())];
      await tier.put(here, 'HX1');
      await tier.remove(here, 'HX1');
      await tier.remove(elsewhere, 'HX1', true);
      const back = traits.takesBack ? 'HX1' : undefined;
      for (const one of [here, elsewhere]) {
        expect(await tier.put(one, 'HX1')).toBe(back);
        expect((await tier.get(one)).sid).toBe(back);
      }
      // Each that was removed, not the last one only; and what took its place stays.
      await tier.remove(here, 'HX1');
      expect(await tier.put(here, 'HX2')).toBe('HX2');
      await tier.remove(here, 'HX2');
      expect(await tier.put(here, 'HX3')).toBe('HX3');
      if (!traits.takesBack) expect(await tier.put(here, 'HX1')).toBe('HX3');
      if (!traits.takesBack) expect((await tier.get(here)).sid).toBe('HX3');
    });

    it.each(ODD_TEXTS)('takes %j for a text, as key and as account', async (odd) => {
      const [asKey, asAccount] = [identity(odd), identity('k', odd)];
      await tier.put(asKey, 'HXkey');
      await tier.put(asAccount, 'HXaccount');
      expect((await tier.get(asKey)).sid).toBe('HXkey');
      expect((await tier.get(asAccount)).sid).toBe('HXaccount');
      expect(await tier.remove(asKey, 'HXkey')).toBe(true);
      expect((await tier.get(asAccount)).sid).toBe('HXaccount');
      expect(await tier.remove(asAccount, 'HXaccount')).toBe(true);
    });

    it('agrees with a map over any calls', async () => {
      const step = fc.record({
        act: fc.constantFrom('put' as const, 'put' as const, 'remove' as const, 'get' as const),
        key: fc.constantFrom('a', 'b', 'طلب'),
        account: fc.constantFrom('AC1', "AC'2"),
        sid: fc.constantFrom('HX1', 'HX2', 'HX3'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const prefix = fresh();
          const model = new Map<string, string>();
          const removed = new Set<string>();
          for (const { act, key, account, sid } of steps) {
            const one = identity(`${prefix} ${key}`, account);
            const known = model.get(one.hash);
            if (act === 'put' && !traits.takesBack && removed.has(`${one.hash} ${sid}`))
              expect(await tier.put(one, sid)).toBe(known);
            else if (act === 'put') {
              const kept = traits.keeps === 'first' ? (known ?? sid) : sid;
              model.set(one.hash, kept);
              expect(await tier.put(one, sid)).toBe(kept);
            } else if (act === 'remove') {
              if (known === sid && model.delete(one.hash)) removed.add(`${one.hash} ${sid}`);
              expect(await tier.remove(one, sid)).toBe(known === sid);
            } else expect((await tier.get(one)).sid).toBe(known);
          }
        }),
        { numRuns: 30 },
      );
    });

    it('lets one of several that put at once count, for all of them alike', async () => {
      const one = identity(fresh());
      const tiers = traits.shared ? [under.open(false), under.open(false)] : [tier, tier];
      const answers = await Promise.all(
        Array.from({ length: 10 }, async (_, n) => tiers[n % 2]?.put(one, `HX${n}00`)),
      );
      const { sid } = await tier.get(one);
      if (traits.keeps === 'first') expect(new Set(answers)).toEqual(new Set([sid]));
      else expect(answers).toContain(sid);
      // Of those that delete at once, one has done it.
      const removed = await Promise.all(tiers.map(async (each) => each.remove(one, sid ?? '')));
      expect(removed.filter(Boolean)).toHaveLength(1);
    });

    it(traits.shared ? 'is one for all processes' : 'is of one process', async () => {
      const [one, gone] = [identity(fresh()), identity(fresh())];
      await tier.put(one, 'HX1');
      await tier.put(gone, 'HX1');
      await tier.remove(gone, 'HX1');
      const other = under.open(false);
      expect((await other.get(one)).sid).toBe(traits.shared ? 'HX1' : undefined);
      expect((await other.get(gone)).gone).toBe(traits.shared && traits.remembersRemovals);
    });

    it(traits.expires ? 'forgets by itself, which is no removal' : 'keeps what it has', async () => {
      const quick = under.open(true);
      const [one, removed] = [identity(fresh()), identity(fresh())];
      await quick.put(one, 'HX1');
      await quick.put(removed, 'HX1');
      await quick.remove(removed, 'HX1');
      if (!traits.expires) {
        await under.elapse();
        expect((await quick.get(one)).sid).toBe('HX1');
        return;
      }
      const expired = async (which: TemplateIdentity): Promise<boolean> => {
        await under.elapse();
        const { sid, gone } = await quick.get(which);
        return sid === undefined && !gone;
      };
      await waitFor(() => expired(one), { describe: 'the SID to expire' });
      await waitFor(() => expired(removed), { describe: 'the removal to be forgotten' });
      expect(await quick.remove(one, 'HX1')).toBe(false);
    });

    it(
      traits.listsAccounts ? 'purges an account, and no other' : 'cannot list what an account has',
      async () => {
        if (!traits.listsAccounts) return expect(tier.removeAccount).toBeUndefined();
        const account = `"${fresh()}%_`;
        const mine = [identity('a', account), identity('ب', account)];
        const others = [identity('a', `${account}x`), identity('a', account.toUpperCase())];
        for (const one of [...mine, ...others]) await tier.put(one, `HX${one.key}1`);
        const removed = (await tier.removeAccount?.(account)) ?? [];
        const byKey = (a: StoredSid, b: StoredSid): number => (a.identity.key < b.identity.key ? -1 : 1);
        expect(removed.toSorted(byKey)).toEqual(mine.map((one) => ({ identity: one, sid: `HX${one.key}1` })));
        for (const one of mine)
          expect(await tier.get(one)).toMatchObject({ sid: undefined, gone: traits.remembersRemovals });
        for (const one of others) expect((await tier.get(one)).sid).toBe(`HX${one.key}1`);
        expect(await tier.removeAccount?.(account)).toEqual([]);
      },
    );
  });
}
