import { parseArgs } from 'node:util';
import { type ChaosReport, held } from './chaos-report.js';
import { planOf } from './plan.js';
import { runChaos } from './run-chaos.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    messages: { type: 'string', default: '5000' },
    senders: { type: 'string', default: '3' },
    tenants: { type: 'string', default: '12' },
    /** Show what would be done, and do nothing. */
    plan: { type: 'boolean', default: false },
    /** A file for all lines of all services. */
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [seed, messages] = [Number(values.seed), Number(values.messages)];
/** The longest lease and the minute after it, the reconciliation, and the retries after that. */
const QUIET_MS = 240_000;
/** Of a run, in ms, beside the quiet: three times what it takes on two cores. */
const DEADLINE_MS = 300_000 + messages * 150 + QUIET_MS;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const say = values.json ? (text: string) => void process.stderr.write(`${text}\n`) : print;
const plan = planOf(seed, messages);
say(`chaos: seed ${seed}, ${messages} messages, ${values.senders} senders, ${values.tenants} restaurants`);

if (values.plan) {
  for (const { at, afterMs, fault } of plan)
    print(JSON.stringify({ at, afterMs, kind: fault.kind, params: fault.params }));
} else {
  const report = await runChaos({
    seed,
    messages,
    plan,
    senders: Number(values.senders),
    tenants: Number(values.tenants),
    deadlineMs: DEADLINE_MS,
    quietMs: QUIET_MS,
    say,
    logs: values.logs,
  });
  if (values.json) print(JSON.stringify(report));
  else tell(report);
  process.exitCode = held(report) ? 0 : 1;
}

function tell(report: ChaosReport): void {
  const times = new Map<string, number>();
  for (const { kind } of report.injected) times.set(kind, (times.get(kind) ?? 0) + 1);
  print(`\ninjected: ${[...times].map(([kind, n]) => `${n} × ${kind}`).join(', ')}`);
  const states = Object.entries(report.states).map(([state, n]) => `${n} ${state}`);
  print(`messages: ${states.join(', ')}; ${report.requests} requests at the provider in ${report.seconds} s`);
  print(
    `answers: ${Object.entries(report.answers)
      .map(([status, n]) => `${n} × ${status}`)
      .join(', ')}`,
  );
  const { median, p99, max } = report.accepting;
  print(
    `from POST to 202: median ${median} ms, p99 ${p99} ms, longest ${max} ms; ${report.refusedPosts} refused`,
  );
  const idle = report.injected.filter(({ met }) => met.requests === 0).map(({ kind }) => kind);
  print(`faults during which the provider saw no request: ${idle.length === 0 ? 'none' : idle.join(', ')}`);
  const { wire, provider } = report.rate;
  print(`most in any 1,000 ms: ${wire ?? '(no tcpdump)'} on the wire, ${provider} by the provider's clock`);
  for (const [name, violations] of Object.entries(report.broken)) {
    print(`  ${name.padEnd(24)} ${violations.length === 0 ? 'held' : `BROKEN, ${violations.length} times`}`);
    for (const violation of violations.slice(0, 10)) print(`      ${violation}`);
  }
  print(
    `  accepted twice because a sender stood still right before writing: ${report.explainedDoubles.length}`,
  );
  for (const one of report.explainedDoubles) print(`      ${one}`);
  if (!held(report)) print(`\nagain: npm run chaos -- --seed ${report.seed} --messages ${report.messages}`);
}
