import type { Random } from './random.js';
import type { Fate, ProviderWeather, Sequel } from './provider.js';

export interface TenantPlan {
  readonly id: number;
  readonly restaurantId: string;
  readonly concurrency: number | null;
  readonly onDead: 'skip' | 'hold';
  readonly lanes: number;
}

/**
 * What goes wrong, beyond the provider's own troubles.
 *
 *   nothing       not even those: fairness is judged in these
 *   provider      only those: who goes first within a restaurant is still the engine's own choice, and judged
 *   changeover    the rate is kept in another way, and not everybody hears of it
 *   answers       the ledger does what it is asked to, and its answers are lost
 *   anything
 */
export const THEMES = ['nothing', 'provider', 'changeover', 'answers', 'anything'] as const;
export type Theme = (typeof THEMES)[number];

/** What a run is made of: drawn from its seed before anything happens. Times in ms. */
export interface Plan {
  readonly partitions: number;
  readonly senders: number;
  readonly tenants: readonly TenantPlan[];
  readonly messages: number;
  /** Over this time they are posted. */
  readonly loadMs: number;
  /** By then every fault is over. */
  readonly healAt: number;
  readonly perSecond: number | undefined;
  readonly concurrency: number;
  readonly sockets: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly pauseMs: number;
  readonly backoffMs: number;
  readonly attempts: number;
  readonly theme: Theme;
  readonly provider: Omit<ProviderWeather, 'latencyMs'>;
}

const TROUBLES: readonly Fate[] = [
  'answer_lost',
  'broken_after',
  'garbage',
  'request_lost',
  'unreachable',
  'late',
  'stranded',
  'failed',
  'failed_accepted',
  'throttled',
  'transient',
];
const REFUSALS: readonly Fate[] = ['recipient', 'opted_out', 'suspended', 'paused'];
const SEQUELS: readonly Sequel[] = ['silent', 'delivered', 'read', 'undelivered', 'failed_limit'];

/** How often there is a backlog of few restaurants. */
const DEEP: Readonly<Record<Theme, number>> = {
  nothing: 0.8,
  provider: 0.5,
  changeover: 1,
  answers: 0.5,
  anything: 0.06,
};

/** `given`: a theme other than the one that the seed would draw. */
export function drawPlan(random: Random, given?: Theme): Plan {
  const drawn = random.weighted<Theme>([
    ['nothing', 10],
    ['provider', 10],
    ['changeover', 4],
    ['answers', 4],
    ['anything', 72],
  ]);
  const theme = given ?? drawn;
  const calm = theme === 'nothing';
  // A backlog of few restaurants: what decides who goes first.
  const deep = random.chance(DEEP[theme]);
  // Most runs are small and short: what goes wrong mostly needs few messages, and a seed is cheap then.
  const messages = deep
    ? random.whole(40, 70)
    : random.weighted([
        [random.whole(3, 14), 3],
        [random.whole(12, 40), 1],
      ]);
  const healAt = random.weighted([
    [random.between(3_000, 9_000), 6],
    [random.between(9_000, 18_000), 3],
    [random.between(18_000, 40_000), 1],
  ]);
  const troubles = calm
    ? []
    : random
        .shuffle(TROUBLES)
        .slice(0, random.whole(0, 5))
        .concat(theme === 'answers' ? ['transient', 'answer_lost'] : []);
  const refusals = calm ? [] : random.shuffle(REFUSALS).slice(0, random.whole(0, 2));
  const sequels = random
    .shuffle(SEQUELS)
    .slice(0, random.whole(1, 3))
    .concat(theme === 'answers' ? ['silent'] : []);
  return {
    partitions: random.whole(1, 4),
    senders: random.weighted([
      [theme === 'changeover' ? 2 : 1, 2],
      [2, 5],
      [3, 2],
      [4, 1],
    ]),
    tenants: Array.from({ length: deep ? 2 : random.whole(2, 6) }, (_, n) => ({
      id: n + 1,
      restaurantId: `r${n + 1}`,
      concurrency: random.chance(0.3) ? random.whole(1, 4) : null,
      onDead: random.chance(0.2) ? 'hold' : 'skip',
      lanes: deep ? random.whole(6, 12) : random.whole(1, 5),
    })),
    messages,
    loadMs:
      deep || random.chance(0.3) ? random.between(100, 1_000) : random.between(500, Math.min(12_000, healAt)),
    healAt,
    perSecond: theme === 'changeover' ? random.pick([5, 10]) : random.pick([undefined, 5, 10, 20, 40, 80]),
    concurrency: deep ? random.whole(1, 2) : random.whole(1, 5),
    sockets: random.whole(5, 20),
    timeoutMs: 3_000,
    graceMs: 2_000,
    pauseMs: 3_000,
    backoffMs: theme === 'answers' ? 200 : random.pick([200, 1_000]),
    attempts: random.whole(theme === 'answers' ? 3 : 1, 4),
    theme,
    provider: {
      fates: [
        ['accepted', 10],
        ...troubles.map((fate) => [fate, random.between(0.2, 4)] as const),
        ...refusals.map((fate) => [fate, random.between(0.1, 0.6)] as const),
      ],
      sequels: sequels.map((sequel) => [sequel, random.between(0.2, 1)] as const),
      listFails:
        !calm && random.chance(theme === 'answers' ? 0.8 : 0.3)
          ? random.between(0.1, theme === 'answers' ? 0.9 : 0.7)
          : 0,
      listLagMs: !calm && random.chance(0.4) ? 1_500 : 0,
    },
  };
}
