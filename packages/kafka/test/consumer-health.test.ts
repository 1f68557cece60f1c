import { describe, expect, it } from 'vitest';
import { GroupHealth } from '../src/consumer-health.js';
import { compileConsumerOptions } from '../src/consumer-options.js';
import { recordingLogger } from './harness.js';

function health() {
  const clock = { now: 0 };
  return {
    clock,
    health: new GroupHealth({ stallAfterMs: 1_000, joinWithinMs: 5_000, now: () => clock.now }),
  };
}

const reading = { topic: 't', partition: 3, position: 7n, lag: 2n, paused: false };

describe('GroupHealth', () => {
  it('calls a partition stalled that has records and does not move, until it moves', () => {
    const { clock, health: group } = health();
    group.started();
    group.joined();
    group.looked([reading]);
    clock.now = 999;
    group.looked([reading]);
    expect(group.state()).toEqual({ ok: true });
    clock.now = 1_000;
    group.looked([reading]);
    expect(group.state().reason).toBe('t/3 stands at 7 for 1 s with a lag of 2');
    group.looked([{ ...reading, position: 8n }]);
    expect(group.state()).toEqual({ ok: true });
  });

  it.each([
    ['nothing to read', { lag: 0n }],
    ['a pause of its owner', { paused: true }],
  ])('takes %s for no stall', (_why, more) => {
    const { clock, health: group } = health();
    group.started();
    group.joined();
    for (clock.now = 0; clock.now <= 5_000; clock.now += 500) group.looked([{ ...reading, ...more }]);
    expect(group.state()).toEqual({ ok: true });
  });

  it('takes an unknown lag for a stall, and unknown ends for ill health', () => {
    const { clock, health: group } = health();
    group.started();
    group.joined();
    group.looked([{ ...reading, lag: null }]);
    clock.now = 1_000;
    group.looked([{ ...reading, lag: null }]);
    expect(group.state().ok).toBe(false);
    group.looked([{ ...reading, lag: 0n }]);
    expect(group.state().ok).toBe(true);
    clock.now = 2_001;
    expect(group.state().reason).toContain('ends are not known');
  });

  it('bears a rebalance, but not one that does not end; and no death', () => {
    const { clock, health: group } = health();
    expect(group.state().reason).toBe('not started');
    group.started();
    clock.now = 5_000;
    expect(group.state().ok).toBe(true);
    clock.now = 5_001;
    expect(group.state().reason).toContain('no assignment');
    group.joined();
    expect(group.state().ok).toBe(true);
    group.died(new Error('gone'));
    expect(group.state().reason).toBe('the consumer died: gone');
  });
});

describe('compileConsumerOptions', () => {
  const options = {
    connection: { brokers: ['b:1'], clientId: 'c', logger: recordingLogger() },
    groupId: 'g',
    topics: ['t'],
    onAssigned: async () => [],
    onRevoked: () => {},
    onBatch: async () => {},
    onFatal: () => {},
  };

  it('settles the defaults', () => {
    expect(compileConsumerOptions(options)).toMatchObject({
      heartbeatIntervalMs: 2_000,
      sessionTimeoutMs: 10_000,
    });
  });

  it.each([
    [{ topics: [] }, /topic/],
    [{ heartbeatIntervalMs: 4_000 }, /heartbeats/],
    [{ maxWaitMs: 3_000 }, /fetch/],
  ])('refuses %o', (more, message) => {
    expect(() => compileConsumerOptions({ ...options, ...more })).toThrow(message);
  });
});
