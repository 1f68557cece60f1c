import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignCoPartitioned, type GroupMember } from '../src/co-partitioning.js';

const topics = ['send', 'retry', 'callbacks'];

function counts(partitions: number): Record<string, number> {
  return Object.fromEntries(topics.map((topic) => [topic, partitions]));
}

function group(members: readonly (readonly number[])[]): GroupMember[] {
  return members.map((owned, n) => ({
    memberId: `m${n}`,
    topics,
    owned: Object.fromEntries(topics.map((topic) => [topic, owned])),
  }));
}

const arbitraryGroup = fc
  .array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }), { minLength: 1, maxLength: 8 })
  .map(group);

describe('assignCoPartitioned', () => {
  it('gives every partition to exactly one member, the same for all topics, in fair shares', () => {
    fc.assert(
      fc.property(arbitraryGroup, fc.integer({ min: 1, max: 24 }), (members, partitions) => {
        const assignment = assignCoPartitioned(members, counts(partitions));
        const shares = members.map(({ memberId }) => assignment.get(memberId)?.['send'] ?? []);
        expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, p) => p));
        for (const member of assignment.values()) {
          for (const topic of topics) expect(member[topic]).toEqual(member['send']);
        }
        const sizes = shares.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not depend on the order of the members', () => {
    fc.assert(
      fc.property(arbitraryGroup, fc.integer({ min: 1, max: 24 }), (members, partitions) => {
        const assignment = assignCoPartitioned(members, counts(partitions));
        expect(new Map(assignCoPartitioned(members.toReversed(), counts(partitions)))).toEqual(assignment);
      }),
    );
  });

  it('moves nothing when nobody came or went', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 24 }), (size, partitions) => {
        const before = assignCoPartitioned(group(Array.from({ length: size }, () => [])), counts(partitions));
        const members = [...before].map(([memberId, owned]) => ({ memberId, topics, owned }));
        expect(assignCoPartitioned(members, counts(partitions))).toEqual(before);
      }),
    );
  });

  it('moves only the share of a member that comes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 24 }), (size, partitions) => {
        const before = assignCoPartitioned(group(Array.from({ length: size }, () => [])), counts(partitions));
        const members = [...before].map(([memberId, owned]): GroupMember => ({ memberId, topics, owned }));
        const after = assignCoPartitioned(
          [...members, { memberId: 'new', topics, owned: {} }],
          counts(partitions),
        );
        for (const [memberId, { send: kept = [] }] of after) {
          if (memberId === 'new') continue;
          expect(before.get(memberId)?.['send'] ?? []).toEqual(expect.arrayContaining(kept));
        }
      }),
    );
  });

  it('gives a topic only to those that read it', () => {
    const assignment = assignCoPartitioned(
      [
        { memberId: 'old', topics: ['send'], owned: {} },
        { memberId: 'new', topics: ['send', 'callbacks'], owned: {} },
      ],
      { send: 2, callbacks: 2 },
    );
    expect(assignment.get('new')).toMatchObject({ callbacks: [0, 1] });
    expect(assignment.get('old')).not.toHaveProperty('callbacks');
    expect([...assignment.values()].flatMap(({ send }) => send ?? []).sort((a, b) => a - b)).toEqual([0, 1]);
  });

  it('puts up with topics of different sizes', () => {
    const assignment = assignCoPartitioned(group([[], []]), { send: 4, retry: 2, callbacks: 4 });
    expect([...assignment.values()].flatMap(({ retry }) => retry ?? []).sort((a, b) => a - b)).toEqual([
      0, 1,
    ]);
    for (const { send = [], retry = [] } of assignment.values())
      expect(send).toEqual(expect.arrayContaining(retry));
  });
});
