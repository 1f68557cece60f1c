import { distinctHashes, type HashSketch, type TemplateAlert } from '@mersal/contracts';
import { type Counts, type MissReason, missRate } from './panes.js';

export type Cause = TemplateAlert['cause'];

/** What is known of a key besides its window's counts. */
export interface Evidence {
  /** Of its first event ever, ms since 1970; null where that was not noted. */
  readonly firstAt: number | null;
  /** The window before this one. */
  readonly before: Counts;
  readonly reasons: ReadonlyMap<MissReason, number>;
  readonly tenants: readonly { readonly misses: number; readonly hashes: HashSketch }[];
}

export interface Diagnosis {
  readonly cause: Cause;
  /** Distinct hashes among the misses. */
  readonly distinctHashes: number;
  /** What an operator should know and do. */
  readonly words: string;
}

/** More hashes than this of one key at one tenant within a window are no versions of a template any more. */
const HASHES_OF_A_TEMPLATE = 4;
const BUSY = 20;

/**
 * Why a key's templates were missed in the window that begins at `from`.
 *
 * In this order: what the cache itself says (a store that was away, templates that were removed); hash churn, since each of its
 * hashes looks new and cold as well, and templates without end are refused at last; creations that failed, which make no key known;
 * a key that nobody used before; what was found until now and is not any more; a cache that was idle.
 */
export function diagnoseKey(key: string, from: number, window: Counts, evidence: Evidence): Diagnosis {
  const { misses } = window;
  const { reasons, tenants, firstAt, before } = evidence;
  const distinct = tenants.reduce((sum, { hashes }) => sum + distinctHashes(hashes), 0);
  const found = (cause: Cause, words: string): Diagnosis => ({ cause, distinctHashes: distinct, words });
  const of = (reason: MissReason): number => reasons.get(reason) ?? 0;

  const away = of('redis_away') + of('database_away');
  if (2 * away > misses) {
    const store = of('database_away') >= of('redis_away') ? 'Postgres' : 'Redis';
    return found(
      'store_away',
      `${store} could not be reached for ${away} of ${misses} misses of ${key}: see that ${store} is up and reachable from where templates are looked up.`,
    );
  }
  if (2 * of('invalidated') > misses)
    return found(
      'invalidation',
      `${of('invalidated')} of ${misses} misses of ${key} were for templates that had been removed from the cache, as the provider refused their SIDs or their account was purged: see whether templates were deleted at the provider.`,
    );
  const churned = tenants
    .map((one) => Math.min(one.misses, distinctHashes(one.hashes)))
    .filter((hashes) => hashes > HASHES_OF_A_TEMPLATE)
    .reduce((sum, hashes) => sum + hashes, 0);
  if (2 * churned > misses)
    return found(
      'hash_churn',
      `key ${key} had ${distinct} distinct hashes in 5 minutes: what is hashed changes with every request (a time, a price, an order of items). Give in options.data only what is baked into the template, in a fixed order; what changes belongs into its variables.`,
    );
  const failed = of('creation_failed');
  if (2 * failed > misses)
    return found(
      'unknown',
      `${failed} of ${misses} misses of ${key} ended in a failed creation or look-up at the provider, so that nothing could be kept: the cache is not at fault. Read the errors of whoever asks for ${key}; mersal cache warm --key says what the provider answers to its name.`,
    );
  if (firstAt !== null && firstAt >= from)
    return found(
      'new_key',
      `key ${key} is new, first used at ${new Date(firstAt).toISOString()}: its templates are being created. This ends by itself; warm new keys up before they are used (mersal cache warm).`,
    );
  const busyBefore = before.hits + before.misses >= BUSY;
  if (busyBefore && missRate(before) < 0.5)
    return found(
      'invalidation',
      `key ${key} was found in the cache until now (${before.hits} hits in the 5 minutes before) and suddenly is not: what was cached was removed all at once. See whether Redis was flushed, the table of templates emptied, or a new version hashes other data.`,
    );
  if (!busyBefore && window.creations > 0)
    return found(
      'cold_start',
      `key ${key} was hardly used before, and its templates are created anew: the cache starts empty. This ends by itself once each template was made.`,
    );
  return found(
    'unknown',
    `no single cause for ${key}: ${misses} misses with ${distinct} distinct hashes. See mersal cache history --key, and the reasons given with recordCacheMiss.`,
  );
}

/** Why templates were missed over all keys: the cause behind most misses, told by its worst key. */
export function diagnoseAll(
  keys: readonly { readonly key: string; readonly window: Counts; readonly diagnosis: Diagnosis }[],
): Diagnosis {
  const byCause = new Map<Cause, number>();
  for (const { window, diagnosis } of keys)
    byCause.set(diagnosis.cause, (byCause.get(diagnosis.cause) ?? 0) + window.misses);
  const [first] = [...byCause].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const alike = keys.filter(({ diagnosis }) => diagnosis.cause === first?.[0]);
  const [worst] = [...alike].sort((a, b) => b.window.misses - a.window.misses || (a.key < b.key ? -1 : 1));
  if (!first || !worst)
    return { cause: 'unknown', distinctHashes: 0, words: 'no key stands out among the misses.' };
  const [cause] = first;
  if (cause === 'new_key' && alike.length > 1) {
    return {
      cause: 'cold_start',
      distinctHashes: alike.reduce((sum, { diagnosis }) => sum + diagnosis.distinctHashes, 0),
      words: `the cache starts empty: ${alike.length} keys, ${worst.key} the most missed, are used for the first time. This ends by itself; warm critical keys up (mersal cache warm).`,
    };
  }
  const others = alike.length - 1;
  return {
    ...worst.diagnosis,
    words:
      others === 0
        ? worst.diagnosis.words
        : `${worst.diagnosis.words} The same holds for ${others} more ${others === 1 ? 'key' : 'keys'}.`,
  };
}
