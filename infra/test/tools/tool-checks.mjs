import { checkConsole } from './chromium.mjs';
import { checkCompose } from './compose.mjs';
import { checkDockerfile } from './hadolint.mjs';
import { auditDependencies } from './npm-audit.mjs';
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
 * Checks whose tools `npm test` does not ask for. Each brings its tool along where it can, and else says what is missing.
 * @type {readonly { name: string, run: (context: Context) => Promise<CheckResult> }[]}
 */
export const toolChecks = [
  { name: 'Dockerfile (hadolint)', run: checkDockerfile },
  { name: 'docker-compose.yml (docker compose config)', run: checkCompose },
  { name: 'public packages (npm pack, install, types, Node, Bun)', run: checkPackages },
  { name: 'Prometheus configuration and alerts (promtool)', run: checkPrometheus },
  { name: 'long tests (vitest)', run: runLongTests },
  { name: 'console (Chromium)', run: checkConsole },
  { name: 'API by its own document (schemathesis)', run: checkApi },
  { name: 'model of delivery (spin)', run: checkModel },
  { name: 'dependencies (npm audit)', run: auditDependencies },
];
