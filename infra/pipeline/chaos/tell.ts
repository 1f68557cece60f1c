import { type ChaosReport, held } from './chaos-report.js';

/** Writes down what came of a run; `again` is the command that repeats it. */
export function tell(report: ChaosReport, print: (line: string) => void, again: string): void {
  print('\n     s  5xx  standstill  fault');
  for (const { kind, told, seconds, apiErrors, standstillMs } of report.injected)
    print(
      `${String(seconds).padStart(6)}${String(apiErrors).padStart(5)}${`${standstillMs} ms`.padStart(12)}  ${kind} ${told.split('\n')[0]}`,
    );
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
  if (!held(report)) print(`\nagain: ${again}`);
}
