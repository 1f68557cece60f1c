import { catalogue } from '@mersal/config';
import { drainMs } from '@mersal/lifecycle';

/**
 * What holds for everything that the chart renders, whatever the values.
 *
 * @typedef {any} Manifest a document as it was rendered
 * @typedef {object} Workload
 * @property {string} name `Deployment mersal-sender`
 * @property {Manifest} manifest
 * @property {Manifest} pod its template
 */

const SECRETS = new Set(
  Object.entries(catalogue).flatMap(([name, variable]) => (variable.secret === true ? [name] : [])),
);
const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'];

/** Every fault of a rendered chart; empty: none. @param {readonly Manifest[]} manifests @returns {string[]} */
export function faultsOf(manifests) {
  /** @type {Workload[]} */
  const workloads = manifests
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    .map((manifest) => ({
      name: `${manifest.kind} ${manifest.metadata.name}`,
      manifest,
      pod: manifest.spec.template,
    }));
  const deployments = workloads.filter(({ manifest }) => manifest.kind === 'Deployment');
  return [
    ...workloads.flatMap((one) =>
      inName(one, [...podFaults(one.pod.spec), ...networkFaults(one, manifests)]),
    ),
    ...workloads.flatMap((one) =>
      one.pod.spec.containers.flatMap((/** @type {Manifest} */ container) =>
        inName(one, containerFaults(container)),
      ),
    ),
    ...deployments.flatMap((one) => inName(one, deploymentFaults(one, manifests))),
    ...manifests.flatMap(manifestFaults),
    ...scalingFaults(manifests),
  ];
}

/** @param {Workload} workload @param {readonly string[]} faults */
const inName = ({ name }, faults) => faults.map((fault) => `${name}: ${fault}`);

/** The texts whose condition does not hold. @param {Record<string, unknown>} conditions */
const unless = (conditions) => Object.keys(conditions).filter((text) => !conditions[text]);

/** @param {Manifest} spec */
function podFaults(spec) {
  return unless({
    'may run as root': spec.securityContext?.runAsNonRoot === true && spec.securityContext.runAsUser > 0,
    'has no seccomp profile': spec.securityContext?.seccompProfile?.type === 'RuntimeDefault',
    'gets a token of the API server': spec.automountServiceAccountToken === false,
    'runs as the default account':
      spec.serviceAccountName !== undefined && spec.serviceAccountName !== 'default',
    'shares with its host': !spec.hostNetwork && !spec.hostPID && !spec.hostIPC,
  });
}

/** @param {Manifest} container */
function containerFaults({ name, image, securityContext = {}, resources = {}, env = [] }) {
  const inline = env.filter((/** @type {Manifest} */ one) => SECRETS.has(one.name) && 'value' in one);
  const twice = env.filter(
    (/** @type {Manifest} */ one, /** @type {number} */ at) =>
      env.findIndex((/** @type {Manifest} */ other) => other.name === one.name) !== at,
  );
  return [
    ...unless({
      'can write its root file system': securityContext.readOnlyRootFilesystem === true,
      'may gain privileges':
        securityContext.allowPrivilegeEscalation === false && !securityContext.privileged,
      'keeps capabilities': securityContext.capabilities?.drop?.includes('ALL'),
      'does not say what it needs': resources.requests?.cpu && resources.requests?.memory,
      'has no limit of memory': resources.limits?.memory,
      'has an image of no version': /:(?!latest$)[\w.-]+$/.test(image),
    }).map((fault) => `${name} ${fault}`),
    ...inline.map((/** @type {Manifest} */ one) => `${name} has ${one.name} in the open`),
    ...twice.map((/** @type {Manifest} */ one) => `${name} has ${one.name} twice`),
  ];
}

/** @param {Workload} workload @param {readonly Manifest[]} manifests */
function deploymentFaults({ manifest, pod }, manifests) {
  const [container] = pod.spec.containers;
  const ports = container.ports?.map((/** @type {Manifest} */ port) => port.name) ?? [];
  const value = (/** @type {string} */ name) =>
    container.env?.find((/** @type {Manifest} */ one) => one.name === name)?.value;
  const preStopMs = (container.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1_000;
  const twilioMs = Number(value('TWILIO_TIMEOUT_MS') ?? catalogue.TWILIO_TIMEOUT_MS.fallback);
  const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
  const budgets = manifests.filter(
    ({ kind, spec }) => kind === 'PodDisruptionBudget' && selects(spec.selector, pod),
  );
  return [
    ...PROBES.filter((probe) => !ports.includes(container[probe]?.httpGet?.port)).map(
      (probe) => `has no ${probe} at a port that it opens`,
    ),
    ...unless({
      [`is ended after ${graceMs} ms, before it has drained`]: graceMs > preStopMs + drainMs(twilioMs),
      [`has ${budgets.length} disruption budgets`]: budgets.length === 1,
      'is not spread over nodes and zones': pod.spec.topologySpreadConstraints?.length === 2,
      'does not select its own pods': selects(manifest.spec.selector, pod),
    }),
  ];
}

/** @param {Workload} workload @param {readonly Manifest[]} manifests */
function networkFaults({ pod }, manifests) {
  const policies = manifests.filter(
    ({ kind, spec }) => kind === 'NetworkPolicy' && selects(spec.podSelector, pod),
  );
  return policies.length > 0 && policies.every(({ spec }) => spec.policyTypes.length === 2)
    ? []
    : ['may talk to anybody, or be talked to'];
}

/** @param {Manifest} manifest */
function manifestFaults(manifest) {
  const { kind, metadata = {} } = manifest;
  return unless({
    [`${kind} ${metadata.name}: secrets are referred to, not carried`]: kind !== 'Secret',
    [`ServiceAccount ${metadata.name}: gets a token`]:
      kind !== 'ServiceAccount' || manifest.automountServiceAccountToken === false,
  });
}

/** Who scales a deployment is alone in that, and has senders up to the partitions. @param {readonly Manifest[]} manifests */
function scalingFaults(manifests) {
  return manifests
    .filter(({ kind }) => kind === 'ScaledObject' || kind === 'HorizontalPodAutoscaler')
    .flatMap(({ kind, spec, metadata }) => {
      const target = manifests.find(
        (one) => one.kind === 'Deployment' && one.metadata.name === spec.scaleTargetRef.name,
      );
      const partitions = target?.spec.template.spec.containers[0].env.find(
        (/** @type {Manifest} */ one) => one.name === 'TOPIC_PARTITIONS',
      )?.value;
      return unless({
        [`${kind} ${metadata.name}: scales what is not there`]: target,
        [`${kind} ${metadata.name}: the deployment has a number of its own`]:
          target?.spec.replicas === undefined,
        [`${kind} ${metadata.name}: may have another number of senders than partitions`]:
          kind !== 'ScaledObject' || String(spec.maxReplicaCount) === partitions,
        [`${kind} ${metadata.name}: one more sender than partitions would never be ready`]:
          kind !== 'ScaledObject' || target?.spec.strategy.rollingUpdate.maxSurge === 0,
      });
    });
}

/** @param {Manifest} selector @param {Manifest} pod */
function selects(selector, pod) {
  const wanted = Object.entries(selector?.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => pod.metadata.labels[key] === value);
}
