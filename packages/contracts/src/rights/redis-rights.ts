import type { Service } from './kafka-rights.js';

/** A user of Redis, as the rules of `ACL SETUSER` without its password. */
export interface RedisRights {
  readonly service: Service;
  readonly rules: readonly string[];
}

/** What every connection does to know that it works. */
const CONNECT = ['ping', 'info'];
const SCRIPTS = ['eval', 'evalsha'];
/** Rates by key; the global one's log. */
const RATE = [
  'get',
  'set',
  'time',
  'zscore',
  'zadd',
  'zrem',
  'zremrangebyscore',
  'zrevrange',
  'zincrby',
  'expire',
  'del',
];
const TEMPLATES = ['get', 'mget', 'set', 'exists', 'incr', 'pexpire', 'del'];

/** What each service does with Redis, and may therefore do; cache-metrics does not use it. */
export function redisRights(queue: string): readonly RedisRights[] {
  const rates = [`mersal:log:rate:${queue}`, `rate:${queue}:*`];
  const templates = ['mersal:template:*'];
  return [
    {
      service: 'ingress',
      rules: rules([...rates, `${queue}:intake:*`, ...templates], [...SCRIPTS, ...RATE, ...TEMPLATES]),
    },
    { service: 'sender', rules: rules([...rates, ...templates], [...SCRIPTS, ...RATE, ...TEMPLATES]) },
    { service: 'cli', rules: rules(templates, [...SCRIPTS, 'time', ...TEMPLATES]) },
  ];
}

function rules(keys: readonly string[], commands: readonly string[]): string[] {
  return [
    'resetkeys',
    ...keys.map((key) => `~${key}`),
    'resetchannels',
    'nocommands',
    ...[...new Set([...CONNECT, ...commands])].map((command) => `+${command}`),
  ];
}
