import type { RateGroupState } from '@mersal/ledger';
import type { GlobalRate } from '@mersal/limits';
import type { Logger } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';
import { CLAIM_AGE_MS, RateGroup, type RateGroupStore, systemClock } from '../src/index.js';

const logger = { debug: () => undefined, warn: () => undefined } as unknown as Logger;

const CONNECT_TIMEOUT_MS = 700;

/** A group of one member in a store whose clock is the member's. */
function groupAt(time: { now: number }) {
  const state = { epoch: 7, changedAt: -60_000 };
  const read = (): RateGroupState => ({
    mode: 'shares',
    epoch: state.epoch,
    members: ['a'],
    ageMs: time.now - state.changedAt,
  });
  const store: RateGroupStore = {
    beat: async () => ({ group: read(), live: [{ name: 'a', redisOkMs: null }] }),
    change: async () => undefined,
    leave: async () => undefined,
  };
  const redisRate: GlobalRate = {
    atOnce: 4,
    reserve: async () => ({ kind: 'wait', retryAt: time.now + 100 }),
  };
  const clock = { ...systemClock, now: () => time.now };
  const group = new RateGroup({
    store,
    redisRate,
    ping: async () => false,
    perSecond: 80,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    name: 'a',
    clock,
    logger,
  });
  const change = (): void => {
    state.epoch += 1;
    state.changedAt = time.now;
  };
  return { group, change };
}

describe('a new epoch of the rate group', () => {
  it('gives no instant before the last claim of the old one was written and has left the sliding second', async () => {
    const time = { now: 10_000 };
    const { group, change } = groupAt(time);
    await group.refresh();
    expect((await group.reserve(1)).kind).toBe('instants');

    change();
    const changedAt = time.now;
    // Claimed at the moment of the change, it waits for its instant as long as a claim may, and for a connection.
    const lastWrite = changedAt + CLAIM_AGE_MS + CONNECT_TIMEOUT_MS;
    time.now += 700;
    await group.refresh();
    let given: number | undefined;
    while (given === undefined) {
      const got = await group.reserve(1);
      if (got.kind === 'instants') given = got.instants[0]?.at;
      else time.now = Math.max(time.now + 1, got.retryAt);
    }
    expect(given).toBeGreaterThanOrEqual(lastWrite + 1_000);
    expect(given).toBeLessThan(lastWrite + 1_300);
  });

  it('that is old already gives instants at once', async () => {
    const time = { now: 10_000 };
    const { group } = groupAt(time);
    await group.refresh();
    expect((await group.reserve(1)).kind).toBe('instants');
  });
});
