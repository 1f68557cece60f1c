import type { SeenRequest } from '@mersal/testkit';
import { describe, expect, it } from 'vitest';
import { explainDoubles, loggedRequests } from '../chaos/doubles.js';
import { clusterPlanOf, wholePlan } from '../chaos/cluster-plan.js';
import { faultKinds, planOf } from '../chaos/plan.js';

const shown = (seed: number, messages: number) =>
  planOf(seed, messages).map(({ at, afterMs, fault }) => ({
    at,
    afterMs,
    kind: fault.kind,
    params: fault.params,
  }));

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, places and parameters too, and another for another', () => {
    expect(shown(42, 5_000)).toEqual(shown(42, 5_000));
    expect(shown(42, 5_000)).not.toEqual(shown(43, 5_000));
  });
  it('draws every kind at least once, whatever the seed, in places that rise and leave the last messages in peace', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const plan = shown(seed, 5_000);
      expect(new Set(plan.map((step) => step.kind))).toEqual(new Set(faultKinds.map((kind) => kind.name)));
      expect(plan.length).toBeGreaterThanOrEqual(43);
      const places = plan.map((step) => step.at);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(places.at(-1)).toBeLessThan(5_000 * 0.95);
    }
  });
  it('has another order for another seed, and no two kinds of one name', () => {
    const orders = new Set(
      Array.from({ length: 20 }, (_, seed) =>
        shown(seed, 5_000)
          .map((s) => s.kind)
          .join(),
      ),
    );
    expect(orders.size).toBe(20);
    expect(new Set(faultKinds.map((kind) => kind.name)).size).toBe(faultKinds.length);
  });
});

describe('a message that was accepted twice', () => {
  const request = (attempt: number, receivedAt: number, sid: string | null): SeenRequest => ({
    receivedAt,
    finishedAt: receivedAt + 80,
    account: 'AC1',
    to: 'x',
    body: 'x',
    status: 201,
    sid,
    messageId: 'm-1',
    attempt,
  });
  const requests = [request(1, 21_000, 'SM1'), request(2, 18_000, 'SM2'), request(2, 18_500, null)];
  const line = (attempt: number, time: number): string =>
    JSON.stringify({ level: 'info', time, attempt, msg: '🔄 Processing job m-1 for restaurant r1' });
  const freeze = { name: 'sender-1', pid: 7, from: 5_000, to: 20_990 };

  it('is explained by a freeze that lies between the line before its request and the arrival', () => {
    const logged = loggedRequests('sender-1', 7, [
      'no JSON',
      line(1, 4_990),
      line(2, 17_990),
      '{"msg":"🔄 Processing job m-1 for',
    ]);
    expect(logged).toHaveLength(2);
    const { explained, unexplained } = explainDoubles(['m-1'], requests, logged, [freeze]);
    expect(unexplained).toEqual([]);
    expect(explained[0]).toMatch(
      /logged attempt 1 at 4990, stood still from 5000 to 20990, and it was received at 21000/,
    );
  });
  it.each([
    ['no freeze', 4_990, []],
    ["another process's freeze", 4_990, [{ ...freeze, pid: 8 }]],
    ['a freeze that was over before', 4_990, [{ ...freeze, from: 1_000, to: 2_000 }]],
    ['a freeze in the midst of which nothing can have been logged', 20_995, [freeze]],
    ['a freeze after the arrival', 4_990, [{ ...freeze, from: 30_000, to: 40_000 }]],
  ])('is not explained by %s', (_name, time, freezes) => {
    const { explained, unexplained } = explainDoubles(
      ['m-1'],
      requests,
      loggedRequests('s', 7, [line(1, time)]),
      freezes,
    );
    expect([explained.length, unexplained.length]).toEqual([0, 1]);
  });
});

describe('the plan of a run with several brokers', () => {
  const shownOf = (seed: number) =>
    clusterPlanOf(seed, wholePlan).plan.map(({ at, afterMs, fault }) => ({
      at,
      afterMs,
      kind: fault.kind,
      params: fault.params,
    }));

  it('is the same for the same seed, and another for another', () => {
    expect(shownOf(42)).toEqual(shownOf(42));
    expect(shownOf(42)).not.toEqual(shownOf(43));
  });
  it('has every fault as often as it is to come, each with room until the next', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const { plan, messages } = clusterPlanOf(seed, wholePlan);
      for (const { kind, times } of wholePlan)
        expect(plan.filter(({ fault }) => fault.kind === kind.name)).toHaveLength(times);
      for (const [n, { at, fault }] of plan.entries()) {
        const share = wholePlan.find(({ kind }) => kind.name === fault.kind);
        expect((plan[n + 1]?.at ?? messages) - at).toBeGreaterThanOrEqual(share?.messages ?? Infinity);
      }
    }
  });
});
