import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradeOf } from '../src/commands/cache.js';
import { parseScopes } from '../src/commands/keys.js';
import { parseTenantFile } from '../src/commands/tenant-file.js';
import { topicDrifts } from '../src/commands/topics.js';
import { skewFinding } from '../src/doctor/engine-checks.js';
import { bad, ok, summed, unknown } from '../src/doctor/finding.js';
import { failureFinding, hitRateFinding, queueFinding, spikeFinding } from '../src/doctor/service-checks.js';
import { runCli } from '../src/run-cli.js';
import { table } from '../src/table.js';

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: {},
    cwd: '/',
    writeOut: (text) => void out.push(text),
    writeErr: (text) => void err.push(text),
    readInput: () => Promise.resolve(''),
  });
  return { code, out: out.join(''), err: err.join('') };
}

describe('the command line', () => {
  it('explains itself, with its exit codes', async () => {
    const help = await run('--help');
    expect(help.code).toBe(0);
    for (const word of ['migrate', 'topics', 'tenants', 'keys', 'queue', 'cache', 'doctor', 'Exit codes'])
      expect(help.out).toContain(word);
  });

  it('ends with 2 for a wrong call and for wrong settings, and tells all faults at once', async () => {
    for (const args of [
      ['nonsense'],
      ['tenants', 'seed'],
      ['queue', 'message'],
      ['topics', 'ensure', '--what'],
    ])
      expect((await run(...args)).code).toBe(2);
    const faulty = await run('topics', 'ensure');
    expect(faulty.code).toBe(2);
    expect(faulty.err).toContain('KAFKA_BROKERS');
    const json = await run('migrate', 'deploy', '--json');
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'config_invalid' } });
    expect(json.out).toBe('');
  });
});

describe('redrive, discard and replay', () => {
  it('have to be told what, before anything is asked of an engine', async () => {
    for (const args of [
      ['dead', 'redrive'],
      ['dead', 'redrive', '--all', '--code', '63016'],
      ['dead', 'redrive', '--all', '--priority', '11'],
      ['dead', 'redrive', '--all', '--rate', '0'],
      ['dead', 'discard'],
      ['replay'],
      ['replay', '--from', 'yesterday'],
      ['replay', '--from-offset', '3'],
      ['queue', 'stuck', '--minutes', 'x'],
    ]) {
      const { code, err } = await run(...args);
      expect([args, code, err.includes('DATABASE_URL')]).toEqual([args, 2, false]);
    }
  });
});

describe('a file of restaurants', () => {
  const good = {
    restaurantId: 'r1',
    name: 'One',
    accountSid: `AC${'0'.repeat(32)}`,
    authToken: 'secret-token',
    fromNumbers: ['whatsapp:+14155238886'],
    apiKey: `mk_${randomBytes(8).toString('hex')}_${randomBytes(24).toString('hex')}`,
  };

  it('reads what is right', () => {
    expect(parseTenantFile(JSON.stringify([good]))).toEqual([good]);
    expect(parseTenantFile('[]')).toEqual([]);
  });

  it('tells every fault with its place, and never a secret', () => {
    const wrong = [
      { ...good, accountSid: 'AC1', fromNumbers: ['+1415'] },
      { ...good, restaurantId: '../x', apiKey: 'secret-key' },
      'text',
    ];
    let message = '';
    try {
      parseTenantFile(JSON.stringify([good, ...wrong]));
    } catch (error) {
      message = (error as Error).message;
    }
    for (const part of [
      '[1]: accountSid',
      '[1]: every number',
      '[2]: restaurantId',
      '[2]: apiKey',
      '[3]: authToken',
    ])
      expect(message).toContain(part);
    for (const secret of [good.authToken, good.apiKey, 'secret-key']) expect(message).not.toContain(secret);
    expect(() => parseTenantFile(JSON.stringify([good, good]))).toThrow(/there twice/);
    for (const text of ['{}', 'null', '[', '"x"']) expect(() => parseTenantFile(text)).toThrow(/not/);
  });
});

describe('scopes', () => {
  it('do not let a restaurant speak for others', () => {
    expect(parseScopes('send, read,send', false)).toEqual(['send', 'read']);
    expect(parseScopes('admin,send:any', true)).toEqual(['admin', 'send:any']);
    for (const scope of ['admin', 'send:any', '', 'sends'])
      expect(() => parseScopes(scope, false)).toThrow(/scope/);
  });
});

describe('topics', () => {
  it('differ where a setting does, and only there', () => {
    const want = { topic: 't', partitions: 12, replication: 3, config: { 'retention.ms': '5' } };
    expect(topicDrifts([want], [{ ...want, config: { 'retention.ms': '5', other: 'x' } }])).toEqual([]);
    expect(topicDrifts([want], [{ ...want, partitions: 6, config: {} }])).toEqual([
      { topic: 't', setting: 'partitions', want: '12', have: '6' },
      { topic: 't', setting: 'retention.ms', want: '5', have: 'unset' },
    ]);
    expect(topicDrifts([want], [])).toEqual([]);
  });
});

describe('tables', () => {
  it('align their columns whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^[a-zA-Zء-ي0-9]{1,12}$/), fc.integer())), (rows) => {
        fc.pre(rows.length > 0);
        const [head, ...lines] = table(['name', 'n'], rows).split('\n');
        const column = Array.from(head ?? '')
          .join('')
          .indexOf('n', 4);
        expect(lines).toHaveLength(rows.length);
        for (const [n, line] of lines.entries())
          expect(Array.from(line).slice(column).join('')).toBe(String(rows[n]?.[1]));
      }),
    );
  });

  it('shows what is unknown as a dash, and that there is nothing', () => {
    expect(table(['a', 'b'], [[null, 0]])).toBe('a  b\n-  0');
    expect(table(['a'], [])).toBe('(none)');
  });
});

describe("the doctor's judgement", () => {
  const counts = {
    accepted: 1_000,
    waiting: 5,
    active: 1,
    delayed: 0,
    completed: 990,
    failed: 4,
    dead: 4,
    cancelled: 0,
    expired: 0,
    retrying: 0,
    scheduled: 0,
    held: 0,
    unknown: 0,
    undecided: 0,
    tenantConcurrency: {},
  };
  const working = ok('sender', 'ready');

  it('takes waiting messages without a sender, and held ones, for a fault', () => {
    expect(queueFinding(counts, working).state).toBe('ok');
    expect(queueFinding(counts, bad('sender', 'none', 'start one')).state).toBe('bad');
    expect(queueFinding({ ...counts, held: 1 }, working).state).toBe('bad');
  });

  it('has the borders of the reference, and knows nothing without messages or events', () => {
    expect([9, 10].map((failed) => failureFinding({ ...counts, failed }).state)).toEqual(['ok', 'bad']);
    expect(failureFinding({ ...counts, accepted: 0, failed: 0 }).state).toBe('unknown');
    expect([91, 90].map((hits) => hitRateFinding(hits, 100 - hits).state)).toEqual(['ok', 'bad']);
    expect(hitRateFinding(0, 0).state).toBe('unknown');
    expect([50, 51].map((misses) => spikeFinding({ hits: 100 - misses, misses }).state)).toEqual([
      'ok',
      'bad',
    ]);
    expect(spikeFinding({ hits: 0, misses: 5 }).state).toBe('ok');
    expect([0.951, 0.95, 0.9, 0.8, 0.79].map((rate) => gradeOf(rate * 1_000, (1 - rate) * 1_000))).toEqual([
      'good',
      'fair',
      'fair',
      'degraded',
      'poor',
    ]);
  });

  it('counts only the part of a clock that the round trip does not explain', () => {
    expect(skewFinding('clock', 5_000, 4_000, 6_000).detail).toContain('agrees');
    expect(skewFinding('clock', 6_900, 4_000, 6_000)).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('900 ms ahead'),
    });
    expect(skewFinding('clock', 2_000, 4_000, 6_000)).toMatchObject({
      state: 'bad',
      detail: expect.stringContaining('behind'),
    });
  });

  it('sums up to the worst', () => {
    const [fine, wrong, blind] = [ok('a', ''), bad('b', 'broken', 'mend'), unknown('c', '', '')];
    expect(summed('all', [fine, blind, wrong])).toEqual({ ...wrong, name: 'all' });
    expect(summed('all', [fine, blind]).state).toBe('unknown');
    expect(summed('all', [fine, fine]).state).toBe('ok');
  });
});
