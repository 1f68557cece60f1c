import { awaitInSync, MIN_IN_SYNC, setMinInSync } from './cluster-state.js';
import { between, faultKind, type FaultKind, oneOf, pause, type Targets } from './fault.js';

const NODES = [0, 1, 2];

type Cluster = NonNullable<Targets['cluster']>;

export const clusterFaults = {
  brokerKilled: faultKind({
    name: 'broker killed',
    weight: 1,
    draw: (random) => ({ node: oneOf(random, NODES), downMs: between(random, 300, 6_000) }),
    inject: async (targets, { node, downMs }) => {
      const broker = nodeOf(targets, node);
      await broker.kill();
      await pause(downMs);
      await broker.start();
      return broker.name;
    },
  }),
  controllerKilled: faultKind({
    name: 'controller killed',
    weight: 1,
    draw: (random) => ({ downMs: between(random, 300, 6_000) }),
    inject: async (targets, { downMs }) => {
      const cluster = clusterOf(targets);
      const before = await cluster.controller();
      await before.kill();
      await pause(downMs);
      await before.start();
      const after = await cluster.controller();
      return `${before.name}; then ${after.name}`;
    },
  }),
  brokerFrozen: faultKind({
    name: 'broker frozen',
    weight: 1,
    // A broker is put out of the cluster after 4 s: the shorter ones are not noticed, the longer are.
    draw: (random) => ({ node: oneOf(random, NODES), ms: between(random, 1_500, 12_000) }),
    inject: async (targets, { node, ms }) => {
      const broker = nodeOf(targets, node);
      broker.freeze();
      await pause(ms);
      broker.thaw();
      await awaitInSync(clusterOf(targets).brokers);
      return broker.name;
    },
  }),
  twoBrokersDown: faultKind({
    name: 'two of three brokers down',
    weight: 1,
    draw: (random) => ({ left: oneOf(random, NODES), downMs: between(random, 4_000, 10_000) }),
    inject: async (targets, { left, downMs }) => {
      const gone = NODES.filter((node) => node !== left).map((node) => nodeOf(targets, node));
      await Promise.all(gone.map((broker) => broker.kill()));
      await pause(downMs);
      await Promise.all(gone.map((broker) => broker.start()));
      return `${nodeOf(targets, left).name} was left`;
    },
  }),
  tooFewInSync: faultKind({
    name: 'min.insync.replicas not met',
    weight: 1,
    draw: (random) => ({ node: oneOf(random, NODES), downMs: between(random, 2_000, 6_000) }),
    inject: async (targets, { node, downMs }) => {
      const cluster = clusterOf(targets);
      const { queue } = targets.pipeline;
      const broker = nodeOf(targets, node);
      await setMinInSync(cluster.brokers, queue, NODES.length);
      try {
        await broker.kill();
        await pause(downMs);
        await broker.start();
      } finally {
        await setMinInSync(cluster.brokers, queue, MIN_IN_SYNC);
      }
      return `${broker.name}; all three had to have it`;
    },
  }),
  brokersRestarted: faultKind({
    name: 'brokers restarted one after the other',
    weight: 1,
    draw: () => ({}),
    inject: async (targets) => {
      const cluster = clusterOf(targets);
      for (const broker of cluster.nodes) {
        await broker.restart();
        await awaitInSync(cluster.brokers);
      }
    },
  }),
} satisfies Record<string, FaultKind>;

function clusterOf({ cluster }: Targets): Cluster {
  if (!cluster) throw new Error('the run has one broker only');
  return cluster;
}

function nodeOf(targets: Targets, node: number): Cluster['nodes'][number] {
  const found = clusterOf(targets).nodes[node];
  if (!found) throw new RangeError(`there is no broker ${node}`);
  return found;
}
