import { awaitInSync, kafkaOf } from './cluster-state.js';
import { faultKind, type FaultKind, type Targets } from './fault.js';

/** Every service stopped in order and started again, one after the other; meanwhile the API is to answer no error. */
export const servicesRestarted = faultKind({
  name: 'services restarted one after the other',
  weight: 1,
  draw: () => ({}),
  inject: (targets) => roll(targets, () => true),
});

/** The same with another release in the place of those chosen; the others stay what they are, beside it. */
export function servicesReplaced(by: {
  readonly release: string;
  readonly named: string;
  /** Makes first what it needs of the stores, while services of the release before run on them. Taken back, one needs nothing. */
  readonly prepares: boolean;
  readonly chosen: (service: string) => boolean;
}): FaultKind {
  return faultKind({
    name: `${by.named}, one after the other`,
    weight: 1,
    draw: () => ({}),
    inject: async (targets) => {
      const { pipeline } = targets;
      pipeline.use(by.release);
      if (by.prepares) {
        await pipeline.mersal('migrate', 'deploy');
        await pipeline.mersal('migrate', 'roles');
        await pipeline.mersal('topics', 'ensure');
      }
      return roll(targets, by.chosen);
    },
  });
}

async function roll(targets: Targets, chosen: (service: string) => boolean): Promise<string> {
  const { fleet, pipeline, front } = targets;
  await awaitInSync(kafkaOf(pipeline));
  const others = [...pipeline.services.keys()].filter((name) => /^(ingress|cache-metrics)-/.test(name));
  const took: string[] = [];
  await front.withoutErrors(async () => {
    for (const name of [...fleet.names, ...others].filter(chosen)) {
      const from = performance.now();
      const isSender = fleet.has(name);
      const code = await (isSender ? fleet.stop(name) : pipeline.services.get(name)?.stop());
      if (code !== 0) throw new Error(`${name} ended with ${code} when it was asked to stop`);
      await (isSender ? fleet.start(name) : pipeline.restart(name));
      took.push(`${name} ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    }
  });
  return took.join(', ');
}
