import { checkConsole } from './chromium.mjs';
import { checkCompose } from './compose.mjs';
import { checkDockerfile } from './hadolint.mjs';
import { auditDependencies } from './npm-audit.mjs';
import { checkChart } from './helm.mjs';
import { beginJaeger, checkTraces } from './jaeger.mjs';
import { runLongTests } from './long-tests.mjs';
import { checkPackages } from './packages.mjs';
import { checkPrometheus } from './promtool.mjs';
import { checkApi } from './schemathesis.mjs';
import { checkModel } from './spin.mjs';

/**
 * @typedef {object} Context
 * @property {string} root the checkout
 * @property {NodeJS.ProcessEnv} env
 * @property {(detail: string) => void} tell
 */
/**
 * @typedef {object} CheckResult
 * @property {'passed' | 'failed' | 'skipped'} state
 * @property {string} [reason] wherever it did not pass
 * @property {boolean} [excused] skipped for want of something that no set-up brings: no failure under CI either
 */

/**
 * @typedef {object} ToolCheck
 * @property {string} name
 * @property {(context: Context) => Promise<CheckResult>} [begin]
 * @property {(context: Context, begun: Promise<CheckResult>) => Promise<CheckResult>} run
 */

/**
 * Checks whose tools `npm test` does not ask for. Each brings its tool along where it can, and else says what is missing.
 * `begin` is called before the first check is run, and may take as long as those before its own; `run` gets what it came to.
 * @type {readonly ToolCheck[]}
 */
export const toolChecks = [
  { name: 'Dockerfile (hadolint)', run: checkDockerfile },
  { name: 'docker-compose.yml (docker compose config)', run: checkCompose },
  { name: 'Helm chart (helm, kubernetes-validate)', run: checkChart },
  { name: 'public packages (npm pack, install, types, Node, Bun)', run: checkPackages },
  { name: 'Prometheus configuration and alerts (promtool)', run: checkPrometheus },
  { name: 'long tests (vitest)', run: runLongTests },
  { name: 'console (Chromium)', run: checkConsole },
  { name: 'API by its own document (schemathesis)', run: checkApi },
  { name: 'model of delivery (spin)', run: checkModel },
  { name: 'dependencies (npm audit)', run: auditDependencies },
  // The last, as Jaeger is built meanwhile.
  { name: 'traces read back (Jaeger)', begin: beginJaeger, run: checkTraces },
];
