import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

import { afterEach, expect, test, vi } from 'vitest';

import { identify } from '../src/engines/process-table.mjs';
import { FakeCheckout, type Run } from './checkout.js';

interface StackFile {
  ingress: string;
  services: { name: string; pid: number; url: string }[];
  tenants: { restaurantId: string; apiKey: string }[];
}

let checkout: FakeCheckout | undefined;
const runs: Run[] = [];

function open(): FakeCheckout {
  checkout = new FakeCheckout();
  return checkout;
}

function start(at: FakeCheckout, args: string[], env?: NodeJS.ProcessEnv): Run {
  const run = at.start(args, env);
  runs.push(run);
  return run;
}

afterEach(async () => {
  for (const { pid, ended } of runs.splice(0)) {
    if (identify(pid) !== undefined) process.kill(pid, 'SIGTERM');
    await ended;
  }
  checkout?.remove();
});

/** The shared engines of the run, as the global setup hands them on. */
function external(): NodeJS.ProcessEnv {
  const { kafka, redis, postgres } = JSON.parse(process.env['MERSAL_TEST_ENGINES'] ?? '') as {
    kafka: string[];
    redis: string;
    postgres: string;
  };
  return { KAFKA_BROKERS: kafka.join(','), REDIS_URL: redis, DATABASE_URL: postgres };
}

const patience = { timeout: 40_000, interval: 50 };
const stackOf = (at: FakeCheckout) =>
  JSON.parse(readFileSync(at.path('.local/stack.json'), 'utf8')) as StackFile;
const ready = (at: FakeCheckout, run: Run) =>
  vi.waitFor(() => expect(existsSync(at.path('.local/stack.json')), run.output()).toBe(true), patience);

test('--once brings up engines of its own, delivers the demo and leaves nothing behind', async () => {
  const at = open();
  const run = start(at, ['--once', '--tenants', '3', '--senders', '2']);
  const code = await run.ended;
  expect(run.output()).toContain('60 sends, 60 delivered, 0 duplicates, 0 lost');
  expect(code, run.output()).toBe(0);
  expect(readFileSync(at.path('cli.log'), 'utf8').trim().split('\n')).toEqual([
    'migrate deploy',
    'topics ensure',
    `tenants seed --file ${at.path('.local/demo-tenants.json')} --json`,
  ]);
  const log = readFileSync(at.path('logs/app.log'), 'utf8');
  for (const name of ['ingress-1', 'sender-1', 'sender-2', 'cache-metrics-1'])
    expect(log).toContain(`"instance":"${name}"`);
  expect(run.output()).toContain('a warning to see');
  expect(run.output()).not.toContain('"msg":"started"');
  expect(readdirSync(at.path('.local/services'))).toEqual([]);
  expect(existsSync(at.path('.local/run.json'))).toBe(false);
  for (const engine of ['kafka', 'redis', 'postgres'])
    expect(existsSync(at.path('.local/engines', engine, `${engine}.pid`))).toBe(false);
}, 120_000);

test('a service that dies is started again, and stack.json tells its new pid', async () => {
  const at = open();
  const run = start(at, ['--no-traffic', '--engines', 'external'], external());
  await ready(at, run);
  expect(statSync(at.path('.local/stack.json')).mode & 0o777).toBe(0o600);
  const before = stackOf(at);
  expect(before.services.map(({ name }) => name)).toEqual(['ingress-1', 'sender-1', 'cache-metrics-1']);
  const sender = before.services.find(({ name }) => name === 'sender-1');
  if (sender === undefined) throw new Error('no sender');
  process.kill(sender.pid, 'SIGKILL');
  const after = await vi.waitFor(() => {
    const found = stackOf(at).services.find(({ name, pid }) => name === 'sender-1' && pid !== sender.pid);
    if (found === undefined) throw new Error('no new sender yet');
    return found;
  }, patience);
  expect(after.url).toBe(sender.url);
  await vi.waitFor(async () => expect((await fetch(`${after.url}/health/ready`)).ok).toBe(true), patience);

  process.kill(run.pid, 'SIGTERM');
  // npm and the terminal may both send it.
  process.kill(run.pid, 'SIGINT');
  expect(await run.ended, run.output()).toBe(0);
  expect(run.output()).not.toContain('forced');
  expect(existsSync(at.path('.local/stack.json'))).toBe(false);
  for (const { pid } of [...before.services, after]) expect(identify(pid)).toBeUndefined();
});

test('a second start is refused; a crashed one is cleaned up by the next, with the same keys', async () => {
  const at = open();
  const env = external();
  const first = start(at, ['--no-traffic', '--engines', 'external'], env);
  await ready(at, first);
  const left = stackOf(at);

  const second = start(at, ['--no-traffic', '--engines', 'external'], env);
  expect(await second.ended).toBe(1);
  expect(second.output()).toContain(`npm start runs already in this checkout (pid ${first.pid})`);
  expect(stackOf(at)).toEqual(left);

  process.kill(first.pid, 'SIGKILL');
  await first.ended;
  for (const { pid } of left.services) expect(identify(pid)).toBeDefined();
  const third = start(at, ['--no-traffic', '--engines', 'external'], env);
  await vi.waitFor(() => {
    expect(existsSync(at.path('.local/stack.json')), third.output()).toBe(true);
    expect(stackOf(at).services[0]?.pid).not.toBe(left.services[0]?.pid);
  }, patience);
  expect(third.output()).toContain('ended sender-1 of an earlier run');
  for (const { pid } of left.services) expect(identify(pid)).toBeUndefined();
  expect(stackOf(at).ingress).toBe(left.ingress);
  expect(stackOf(at).tenants).toEqual(left.tenants);
});
