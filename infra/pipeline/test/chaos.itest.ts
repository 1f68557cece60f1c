import { engines } from '@mersal/testkit';
import { expect, it } from 'vitest';
import { faultKinds, planOf } from '../chaos/plan.js';
import { runChaos } from '../chaos/run-chaos.js';

/** Those that say most in little time; none of Kafka's, which takes long to come back. */
const KINDS = [
  'sender killed',
  'sender frozen',
  'Redis flushed',
  'Redis away from one sender',
  'Postgres killed',
  'provider drops after accepting',
  'provider answers 500',
  'callbacks twice',
];
const SEED = 20_260_101;
const MESSAGES = 400;

/** A run that does not end must show how far it came. */
const say = (text: string): void => void process.stderr.write(`${text}\n`);

it('400 messages through eight kinds of fault: none lost, none accepted twice, order, slots and rate kept', async () => {
  const kinds = faultKinds.filter((kind) => KINDS.includes(kind.name));
  expect(kinds).toHaveLength(KINDS.length);
  const report = await runChaos({
    seed: SEED,
    messages: MESSAGES,
    senders: 2,
    tenants: 8,
    kafka: (await engines()).kafka,
    plan: planOf(SEED, MESSAGES, kinds),
    deadlineMs: 120_000,
    quietMs: 15_000,
    // Attempts that died with their sender are decided a minute later: the long run waits for that.
    inSightWillDo: true,
    say,
  });
  expect(new Set(report.injected.map(({ kind }) => kind)).size).toBe(KINDS.length);
  expect(report.broken).toEqual({
    'all services came back': [],
    '1 no loss': [],
    '2 no double send': [],
    '3 conversation order': [],
    '4 tenant concurrency': [],
    '5 global rate': [],
    'no error while restarted': [],
  });
  expect(report.requests).toBeGreaterThan(MESSAGES * 0.9);
}, 170_000);

it('a run past its deadline ends all that it started, and says how far it came', async () => {
  const children = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
  const before = children();
  const run = runChaos({
    seed: SEED,
    messages: MESSAGES,
    senders: 1,
    tenants: 1,
    kafka: (await engines()).kafka,
    plan: [],
    // Services are coming up then.
    deadlineMs: 5_000,
    quietMs: 0,
    say,
  });
  await expect.poll(children).toBeGreaterThan(before);
  await expect(run).rejects.toThrow(/not over within 5000 ms; last: /);
  expect(children()).toBe(before);
}, 60_000);
