import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { runToEnd } from '../child.mjs';
import { answers, verdictOf } from './command.mjs';

/** @typedef {import('./tool-checks.mjs').Context} Context */
/** @typedef {import('./tool-checks.mjs').CheckResult} CheckResult */

const HELM = 'v4.3.1';
const VALIDATOR = '1.37.0';
/** The oldest and the newest Kubernetes that the chart is for. */
const KUBERNETES = ['1.30', '1.37'];
const CHART = 'infra/helm/mersal';
const VALUES = 'infra/helm/values';
/** Their schemas come with who installs them: of these only the policy has a word. */
const CUSTOM = /^(keda\.sh|monitoring\.coreos\.com)\//;
/** What the schema of the values refuses. */
const WRONG = [
  ['settings.TWILIO_TIMEOUT=1', 'TWILIO_TIMEOUT'],
  ['settings.CREDENTIALS_KEY=1', 'CREDENTIALS_KEY'],
  ['existingSecret=', 'existingSecret'],
  ['sender.replicas=0', 'replicas'],
  ['sender.autoscaling.enabled=true', 'prometheus'],
];

/** Lints and renders the chart, and judges what comes out by Kubernetes' schemas and by the policy.
 * @param {Context} context @returns {Promise<CheckResult>} */
export async function checkChart(context) {
  const helm = await findHelm(context);
  // Debian has neither helm nor a Go that could build one.
  if (helm === undefined)
    return { state: 'skipped', excused: true, reason: 'no helm, and none could be built with go' };
  const validator = await findValidator(context);
  if (validator === undefined)
    return {
      state: 'skipped',
      reason: 'no kubernetes-validate, and python3 could not install one from PyPI',
    };
  const place = mkdtempSync(join(tmpdir(), 'mersal-chart-'));
  try {
    for (const name of ['least', 'everything']) {
      const verdict = await judge(context, {
        helm,
        validator,
        place,
        values: `${VALUES}/${name}.yaml`,
      });
      if (verdict.state !== 'passed') return { ...verdict, reason: `${name}.yaml: ${verdict.reason ?? ''}` };
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
  return refusesWrongValues(context, helm);
}

/** @param {Context} context @param {{ helm: string, validator: string, place: string, values: string }} given
 * @returns {Promise<CheckResult>} */
async function judge(context, { helm, validator, place, values }) {
  const linted = await verdictOf(context, helm, ['lint', '--strict', '--quiet', CHART, '--values', values]);
  if (linted.state !== 'passed') return linted;
  const rendered = join(place, 'rendered');
  const given = ['--namespace', 'messages', '--values', values];
  const template = ['template', 'mersal', CHART, ...given, '--output-dir', rendered];
  const shown = await verdictOf(context, helm, template);
  if (shown.state !== 'passed') return shown;
  const manifests = readManifests(rendered);
  const file = join(place, 'kubernetes.json');
  writeFileSync(
    file,
    manifests
      .filter(({ apiVersion }) => !CUSTOM.test(apiVersion))
      .map((manifest) => JSON.stringify(manifest))
      .join('\n---\n'),
  );
  for (const version of KUBERNETES) {
    const valid = await verdictOf(context, validator, ['--strict', '--kubernetes-version', version, file]);
    if (valid.state !== 'passed') return valid;
  }
  // It needs the build, which there is not yet where a run of the tests begins.
  const { faultsOf } = await import('../../helm/policy.mjs');
  const faults = [...faultsOf(manifests), ...ruleFaults(context, manifests)];
  return faults.length === 0 ? { state: 'passed' } : { state: 'failed', reason: faults.join('\n') };
}

/** Every document of every file below a folder. @param {string} folder @returns {any[]} */
function readManifests(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml'))
    .flatMap((path) => parseAllDocuments(readFileSync(join(folder, path), 'utf8')))
    .map((document) => document.toJS({ merge: true }))
    .filter((manifest) => manifest !== null);
}

/** The chart brings the alerts that are tested, not others. @param {Context} context @param {readonly any[]} manifests */
function ruleFaults({ root }, manifests) {
  const alerts = parse(readFileSync(join(root, 'infra/observability/alerts.yml'), 'utf8'));
  return manifests
    .filter(({ kind, spec }) => kind === 'PrometheusRule' && !isDeepStrictEqual(spec, alerts))
    .map(({ metadata }) => `PrometheusRule ${metadata.name} is not infra/observability/alerts.yml`);
}

/** @param {Context} context @param {string} helm @returns {Promise<CheckResult>} */
async function refusesWrongValues(context, helm) {
  for (const [setting = '', named = ''] of WRONG) {
    const values = ['--values', `${VALUES}/least.yaml`, '--set-string', setting];
    // Numbers and flags are not texts.
    if (/=(\d+|true)$/.test(setting) && !setting.startsWith('settings.')) values[2] = '--set';
    const ended = await runToEnd(helm, ['template', 'mersal', CHART, ...values], {
      cwd: context.root,
      env: context.env,
      limitMs: 60_000,
    });
    if (ended.code === 0 || !ended.output.includes(named))
      return {
        state: 'failed',
        reason: `${setting} was not refused for ${named}: ${ended.output.slice(-500)}`,
      };
  }
  return { state: 'passed' };
}

/** The one in PATH, else one built from its Go module under .local/cache.
 * @param {Context} context @returns {Promise<string | undefined>} */
async function findHelm(context) {
  if (await answers(context, 'helm', ['version'])) return 'helm';
  const home = join(context.root, '.local', 'cache', 'tools', `helm-${HELM}`);
  const command = join(home, 'helm');
  if (existsSync(command)) return command;
  if (!(await answers(context, 'go', ['version']))) return undefined;
  const module = `helm.sh/helm/${HELM.split('.', 1)[0]}/cmd/helm@${HELM}`;
  const ended = await runToEnd('go', ['install', '-trimpath', '-ldflags=-s -w', module], {
    cwd: context.root,
    env: { ...context.env, GOBIN: home, GOFLAGS: '-buildvcs=false' },
    limitMs: 900_000,
    onHeartbeat: () => context.tell('go install of helm, some minutes the first time'),
  });
  if (ended.code === 0) return command;
  context.tell(ended.trouble ?? ended.output.trim().split('\n').at(-1) ?? '');
  return undefined;
}

/** The one in PATH, else one in an environment of its own under .local/cache.
 * @param {Context} context @returns {Promise<string | undefined>} */
async function findValidator(context) {
  if (await answers(context, 'kubernetes-validate', ['--version'])) return 'kubernetes-validate';
  const home = join(context.root, '.local', 'cache', 'tools', `kubernetes-validate-${VALIDATOR}`);
  const command = join(home, 'bin', 'kubernetes-validate');
  if (existsSync(command)) return command;
  context.tell('installing kubernetes-validate');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  for (const [program, args] of /** @type {[string, string[]][]} */ ([
    ['python3', ['-m', 'venv', home]],
    [join(home, 'bin', 'python3'), [...pip, `kubernetes-validate==${VALIDATOR}`]],
  ])) {
    const ended = await runToEnd(program, args, {
      cwd: context.root,
      env: context.env,
      limitMs: 180_000,
    });
    if (ended.code !== 0) {
      context.tell(ended.trouble ?? ended.output.trim().split('\n').at(-1) ?? '');
      return undefined;
    }
  }
  return command;
}
