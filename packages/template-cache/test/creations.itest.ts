import { waitFor } from '@mersal/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisTier } from '../src/tiers/redis-tier.js';
import { type SomeCaches, someCaches } from './some-caches.js';

let caches: SomeCaches;
beforeEach(async () => {
  caches = await someCaches('creations');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await caches.close();
});

/** What asking for the lock gave from now on, of any cache: undefined where another had it. */
function lockAnswers(): () => Promise<(string | undefined)[]> {
  const spy = vi.spyOn(RedisTier.prototype, 'acquire');
  return () => Promise.all(spy.mock.results.map(({ value }) => value as Promise<string | undefined>));
}

/** A creator that answers when it is told to. */
function slowCreator() {
  let finish = (_sid: string): void => {};
  const answer = new Promise<string>((resolve) => (finish = resolve));
  return { create: vi.fn(() => answer), finish: (sid: string) => finish(sid) };
}

describe('a creator that does not answer in time', () => {
  it('keeps others from creating while it runs, and what it makes late is kept', async () => {
    const times = { creatorMs: 200, failureMs: 100, pollMs: 20 };
    const [one, two] = [caches.make({ times }), caches.make({ times })];
    const slow = slowCreator();
    await expect(one.getCachedContentSid('k', slow.create)).rejects.toMatchObject({
      code: 'creation_timeout',
    });
    const second = vi.fn(() => 'HXsecond');
    const locks = lockAnswers();
    // For a moment it is told that the creation failed; then it waits for the one who has the lock.
    const waiting = waitFor(() => two.getCachedContentSid('k', second));
    await waitFor(async () => (await locks()).includes(undefined), { describe: 'the lock to be found held' });
    expect(second).not.toHaveBeenCalled();
    slow.finish('HXlate');
    expect(await waiting).toBe('HXlate');
    expect(second).not.toHaveBeenCalled();
    expect(slow.create).toHaveBeenCalledTimes(1);
    await waitFor(() => one.getCacheMetrics().creations === 1);
    expect(await one.getCachedContentSid('k', second)).toBe('HXlate');
  });

  it('leaves the template to whoever finds it: one was made', async () => {
    const times = { creatorMs: 200, failureMs: 100, pollMs: 50 };
    const atProvider = new Map<string, string>();
    const create = vi.fn(({ friendlyName }: { readonly friendlyName: string }): Promise<string> => {
      atProvider.set(friendlyName, 'HXmade');
      return new Promise(() => {});
    });
    const find = (name: string): string | undefined => atProvider.get(name);
    await expect(caches.make({ times }).getCachedContentSid('k', create, { find })).rejects.toMatchObject({
      code: 'creation_timeout',
    });
    const two = caches.make({ times });
    // The lock runs out a few seconds after the creator was given up.
    const sid = await waitFor(() => two.getCachedContentSid('k', create, { find }), {
      describe: 'the template to be found',
    });
    expect(sid).toBe('HXmade');
    expect(create).toHaveBeenCalledTimes(1);
    expect(two.getCacheMetrics().creations).toBe(0);
  });
});

describe('a creation that failed', () => {
  it('is not repeated by those who waited for it, nor by any other process for a moment, and then is', async () => {
    const times = { failureMs: 3_000, pollMs: 20 };
    const failure = Object.assign(new Error('rejected by the provider'), { shared: { code: 21_655 } });
    let reject = (_error: Error): void => {};
    const create = vi.fn(() => new Promise<string>((_, no) => (reject = no)));
    const [one, two] = [caches.make({ times }), caches.make({ times })];
    const locks = lockAnswers();
    const calls = [one, two].map((cache) =>
      cache.getCachedContentSid('k', create).catch((error: unknown) => error),
    );
    // One creates, the other one has seen that it has the lock, which is before it creates.
    await waitFor(async () => (await locks()).includes(undefined) && create.mock.calls.length > 0);
    reject(failure);
    const errors = await Promise.all(calls);
    expect(create).toHaveBeenCalledTimes(1);
    expect(errors).toContain(failure);
    const told = { code: 'creation_suppressed', cause: { message: failure.message, shared: failure.shared } };
    expect(errors.find((error) => error !== failure)).toMatchObject(told);
    await expect(caches.make({ times }).getCachedContentSid('k', create)).rejects.toMatchObject(told);
    expect(create).toHaveBeenCalledTimes(1);
    for (const cache of [one, two])
      expect(cache.getCacheMetrics()).toMatchObject({ misses: 1, creations: 0 });

    const again = vi.fn(() => 'HXagain');
    expect(
      await waitFor(() => two.getCachedContentSid('k', again), {
        timeoutMs: 10_000,
        describe: 'the failure to be forgotten',
      }),
    ).toBe('HXagain');
    expect(again).toHaveBeenCalledTimes(1);
    expect(await one.getCachedContentSid('k', again)).toBe('HXagain');
  });

  it('of the account is no miss, in no process', async () => {
    const [one, two] = [caches.make(), caches.make()];
    const refused = (): Promise<string> =>
      Promise.reject(Object.assign(new Error('Authenticate'), { status: 401, code: 20_003 }));
    const calls = Array.from({ length: 5 }, () => one.getCachedContentSid('k', refused));
    for (const answer of await Promise.allSettled(calls))
      expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'Authenticate' } });
    for (const cache of [one, two])
      await expect(cache.getCachedContentSid('k', refused)).rejects.toMatchObject({
        code: 'creation_suppressed',
      });
    for (const cache of [one, two]) expect(cache.getCacheMetrics()).toMatchObject({ totalRequests: 0 });
    const flagged = (): Promise<string> =>
      Promise.reject(Object.assign(new Error('locked'), { accountFault: true }));
    await expect(one.getCachedContentSid('other', flagged)).rejects.toThrow('locked');
    await expect(one.getCachedContentSid('third', () => Promise.reject(new Error('no')))).rejects.toThrow(
      'no',
    );
    expect(one.getCacheMetrics()).toMatchObject({ misses: 1, totalRequests: 1 });
  });
});
