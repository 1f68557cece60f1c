import { expect, it } from 'vitest';
import { faultKinds, planOf } from '../chaos/plan.js';
import { runChaos } from '../chaos/run-chaos.js';

/** Those that say most in little time. */
const KINDS = [
  'sender killed',
  'sender restarted',
  'ingress killed',
  'Redis flushed',
  'Redis away from one sender',
  'Postgres killed',
  'provider drops after accepting',
  'provider throttles',
  'provider answers garbage',
  'callbacks twice',
];
const SEED = 20_260_101;
const MESSAGES = 600;

it('600 messages through ten kinds of fault: none lost, none accepted twice, order, slots and rate kept', async () => {
  const kinds = faultKinds.filter((kind) => KINDS.includes(kind.name));
  expect(kinds).toHaveLength(KINDS.length);
  const report = await runChaos({
    seed: SEED,
    messages: MESSAGES,
    senders: 2,
    tenants: 8,
    plan: planOf(SEED, MESSAGES, kinds),
    quietMs: 15_000,
    // Attempts that died with their sender are decided a minute later: the long run waits for that.
    inSightWillDo: true,
    // A run that does not end must show how far it came.
    say: (text) => void process.stderr.write(`${text}\n`),
  });
  expect(new Set(report.injected.map(({ kind }) => kind)).size).toBe(KINDS.length);
  expect(report.broken).toEqual({
    'all services came back': [],
    '1 no loss': [],
    '2 no double send': [],
    '3 conversation order': [],
    '4 tenant concurrency': [],
    '5 global rate': [],
  });
  expect(report.requests).toBeGreaterThan(MESSAGES * 0.9);
}, 150_000);
