import { between, faultKind, type FaultKind, oneOf, pause } from './fault.js';

/** A share of the requests meets this rule for a while. */
function misbehaving(name: string, rule: object, share: readonly [number, number] = [0.1, 0.5]): FaultKind {
  return faultKind({
    name: `provider ${name}`,
    weight: 1,
    draw: (random) => ({
      seed: between(random, 1, 1_000_000),
      rate: Math.round((share[0] + random() * (share[1] - share[0])) * 100) / 100,
      ms: between(random, 1_000, 2_500),
    }),
    inject: async ({ provider }, { seed, rate, ms }) => {
      await provider.misbehave(seed, [{ ...rule, rate }]);
      await pause(ms);
      await provider.behave();
    },
  });
}

/** What befalls all callbacks for a while. */
function callbacks(name: string, fate: 'lost' | 'late' | 'twice'): FaultKind {
  return faultKind({
    name: `callbacks ${name}`,
    weight: 1,
    draw: (random) => ({ ms: between(random, 1_000, 3_000), lateMs: between(random, 2_000, 9_000) }),
    inject: async (targets, { ms, lateMs }) => {
      const before = targets.callbacks.counts[fate];
      targets.callbacks.lateMs = lateMs;
      targets.callbacks.fate = fate;
      await pause(ms);
      targets.callbacks.fate = 'through';
      return `${targets.callbacks.counts[fate] - before} of them`;
    },
  });
}

export const providerFaults: readonly FaultKind[] = [
  misbehaving('drops after accepting', { action: 'drop_after_accept' }),
  misbehaving('drops before accepting', { action: 'drop_before_accept' }),
  misbehaving('hangs', { action: 'hang' }, [0.04, 0.15]),
  misbehaving('hangs after accepting', { action: 'hang_after_accept' }, [0.04, 0.15]),
  misbehaving('throttles', { action: 'error', httpStatus: 429, code: 20429, retryAfterS: 1 }),
  misbehaving('answers 500', { action: 'error', httpStatus: 500 }, [0.1, 0.4]),
  misbehaving('answers 503', { action: 'error', httpStatus: 503, code: 20503 }, [0.1, 0.4]),
  misbehaving('truncates', { action: 'truncate' }, [0.1, 0.4]),
  misbehaving('answers garbage', { action: 'garbage' }, [0.1, 0.4]),
  misbehaving('reports failures later', { action: 'async_fail', code: 30008 }, [0.1, 0.4]),
  misbehaving('limits a pair later', { action: 'async_fail', code: 63018 }, [0.03, 0.1]),
  misbehaving('reports nothing', { action: 'no_callback' }, [0.5, 1]),
  callbacks('lost', 'lost'),
  callbacks('late', 'late'),
  callbacks('twice', 'twice'),
  faultKind({
    name: 'credentials revoked and given back',
    weight: 1,
    draw: (random) => ({ tenant: oneOf(random, [0, 1, 2, 3]), ms: between(random, 1_500, 5_000) }),
    inject: async ({ pipeline, provider }, { tenant, ms }) => {
      const revoked = pipeline.tenants[tenant % pipeline.tenants.length];
      if (!revoked) throw new Error('there are no restaurants');
      await provider.setToken(revoked, 'another-token-than-before');
      await pause(ms);
      await provider.setToken(revoked, revoked.authToken);
      // The restaurant saves its credentials again: what was held goes on.
      await pipeline.reseed();
      return revoked.restaurantId;
    },
  }),
];
