import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { faultsOf } from '../policy.mjs';

const labels = '{ app: mersal, component: sender }';
const good = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: sender }
spec:
  strategy: { rollingUpdate: { maxSurge: 0 } }
  selector: { matchLabels: ${labels} }
  template:
    metadata: { labels: ${labels} }
    spec:
      serviceAccountName: sender
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 36
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
      topologySpreadConstraints: [{ topologyKey: host }, { topologyKey: zone }]
      containers:
        - name: sender
          image: mersal/sender:1.0.0
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
          securityContext:
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL] }
          resources: { requests: { cpu: 1, memory: 1Gi }, limits: { memory: 1Gi } }
          ports: [{ name: probes }]
          startupProbe: { httpGet: { port: probes } }
          livenessProbe: { httpGet: { port: probes } }
          readinessProbe: { httpGet: { port: probes } }
          env:
            - { name: TWILIO_TIMEOUT_MS, value: "15000" }
            - { name: TOPIC_PARTITIONS, value: "48" }
            - { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: mersal, key: DATABASE_URL } } }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: sender }
spec: { maxUnavailable: 1, selector: { matchLabels: ${labels} } }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: sender }
spec: { policyTypes: [Ingress, Egress], podSelector: { matchLabels: ${labels} } }
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: sender }
spec: { maxReplicaCount: 48, scaleTargetRef: { name: sender } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: sender }
automountServiceAccountToken: false
`;
const judged = (text: string) => faultsOf(parseAllDocuments(text).map((document) => document.toJS()));

describe('the policy', () => {
  it('has nothing against what is good', () => expect(judged(good)).toEqual([]));
  it.each([
    ['runAsNonRoot: true', 'runAsNonRoot: false', 'may run as root'],
    ['runAsUser: 1000', 'runAsUser: 0', 'may run as root'],
    ['RuntimeDefault', 'Unconfined', 'has no seccomp profile'],
    ['automountServiceAccountToken: false', 'automountServiceAccountToken: true', 'gets a token'],
    ['\nautomountServiceAccountToken: false', '\nautomountServiceAccountToken: true', 'gets a token'],
    ['serviceAccountName: sender', 'serviceAccountName: default', 'runs as the default account'],
    ['serviceAccountName: sender', 'hostNetwork: true', 'shares with its host'],
    ['readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false', 'can write its root'],
    ['allowPrivilegeEscalation: false', 'privileged: true', 'may gain privileges'],
    ['drop: [ALL]', 'drop: [NET_RAW]', 'keeps capabilities'],
    ['requests: { cpu: 1,', 'requests: {', 'does not say what it needs'],
    ['limits: { memory: 1Gi }', 'limits: { cpu: 1 }', 'has no limit of memory'],
    ['mersal/sender:1.0.0', 'mersal/sender:latest', 'has an image of no version'],
    ['mersal/sender:1.0.0', 'mersal/sender', 'has an image of no version'],
    ['startupProbe', 'otherProbe', 'has no startupProbe'],
    ['livenessProbe: { httpGet: { port: probes } }', '', 'has no livenessProbe'],
    ['readinessProbe: { httpGet: { port: probes } }', 'readinessProbe: {}', 'has no readinessProbe'],
    ['terminationGracePeriodSeconds: 36', 'terminationGracePeriodSeconds: 35', 'before it has drained'],
    ['terminationGracePeriodSeconds: 36', '', 'before it has drained'],
    ['"15000"', '"16001"', 'before it has drained'],
    ['seconds: 5', 'seconds: 6', 'before it has drained'],
    ['kind: PodDisruptionBudget', 'kind: Other', 'has 0 disruption budgets'],
    [', { topologyKey: zone }', '', 'is not spread'],
    ['kind: NetworkPolicy', 'kind: Other', 'may talk to anybody'],
    ['[Ingress, Egress]', '[Ingress]', 'may talk to anybody'],
    [
      'valueFrom: { secretKeyRef: { name: mersal, key: DATABASE_URL } }',
      'value: x',
      'DATABASE_URL in the open',
    ],
    ['name: TOPIC_PARTITIONS', 'name: TWILIO_TIMEOUT_MS', 'TWILIO_TIMEOUT_MS twice'],
    ['kind: ServiceAccount', 'kind: Secret', 'secrets are referred to'],
    ['maxReplicaCount: 48', 'maxReplicaCount: 49', 'another number of senders than partitions'],
    ['maxSurge: 0', 'maxSurge: 1', 'would never be ready'],
    ['strategy:', 'replicas: 2\n  strategy:', 'a number of its own'],
    ['scaleTargetRef: { name: sender }', 'scaleTargetRef: { name: x }', 'scales what is not there'],
  ])('finds %s made %s', (right, wrong, fault) => {
    expect(good).toContain(right);
    expect(judged(good.replace(right, wrong)).join('\n')).toContain(fault);
  });
});
