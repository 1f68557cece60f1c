import { expect, test } from 'vitest';

import { parseOptions, UsageError } from '../src/options.mjs';

test('without options: a dozen restaurants, one sender, engines of its own, demo traffic', () => {
  expect(parseOptions([], {})).toEqual({
    once: false,
    traffic: true,
    tenants: 12,
    senders: 1,
    fresh: false,
    engines: 'local',
    traces: false,
    help: false,
  });
});

test('every option is read', () => {
  const env = { KAFKA_BROKERS: 'k:1', REDIS_URL: 'r', DATABASE_URL: 'd' };
  const given = ['--once', '--tenants', '3', '--senders=2', '--fresh', '--engines', 'external', '--traces'];
  expect(parseOptions(given, env)).toMatchObject({
    once: true,
    tenants: 3,
    senders: 2,
    fresh: true,
    engines: 'external',
    traces: true,
  });
});

test.each([
  [['--once', '--no-traffic'], 'does not go with'],
  [['--tenants', '0'], 'from 1 to 1000'],
  [['--senders', '1.5'], 'from 1 to 32'],
  [['--engines', 'docker'], 'local or external'],
  [['--engines', 'external'], 'needs KAFKA_BROKERS, REDIS_URL, DATABASE_URL'],
  [['--unknown'], 'Unknown option'],
])('%j is refused', (argv, message) => {
  expect(() => parseOptions(argv, {})).toThrow(message);
  expect(() => parseOptions(argv, {})).toThrow(UsageError);
});
