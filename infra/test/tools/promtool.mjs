import { answers, verdictOf } from './command.mjs';

/** @param {import('./tool-checks.mjs').Context} context @returns {Promise<import('./tool-checks.mjs').CheckResult>} */
export async function checkPrometheus(context) {
  if (!(await answers(context, 'promtool', ['--version'])))
    return {
      state: 'skipped',
      reason: 'no promtool: it comes with Prometheus, on Debian apt-get install prometheus',
    };
  return verdictOf(context, 'promtool', ['check', 'config', 'infra/observability/prometheus.yml']);
}
