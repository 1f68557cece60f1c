import { isStorable } from '@mersal/contracts';
import type { RuntimeReport } from './reported.js';
import type { CacheEventDetails } from './reported.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { CacheLogger } from '../logger.js';
import { shortHash } from '../hash-data.js';
import { storable } from '../storable-text.js';
import { checkCacheKey } from '../template-identity.js';
import { type CacheEventKind, type CacheMetrics, CountsByKey } from './counts.js';
import { SpikeWatch } from './spike-watch.js';

export interface RecorderOptions {
  readonly logger: CacheLogger;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly defaultTenant: string;
  /** Takes each event; undefined where there is no Kafka. */
  readonly publish?: (event: RecordedEvent) => void;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts what happens to the cache in this process, tells it to the log, and passes it on. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #counts = new CountsByKey();
  readonly #spikes = new SpikeWatch();
  #saidLocal = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** @throws RangeError where the key has not 1 to 256 characters, the hash not 1 to 128, or one of them can't be stored */
  record(
    kind: CacheEventKind,
    key: string,
    hash: string,
    sid: string | undefined,
    details: CacheEventDetails = {},
  ): void {
    checkCacheKey(key);
    if (hash.length < 1 || hash.length > 128) throw new RangeError('a hash has 1 to 128 characters');
    if (!isStorable(hash)) throw new RangeError('a hash holds neither NUL nor half a character');
    const { logger, wallClock, defaultTenant, publish } = this.#options;
    const at = wallClock();
    this.#counts.add(kind, key);
    this.#log(kind, key, hash, sid, details);
    const change = this.#spikes.add(kind, at);
    if (change !== undefined) this.#tellSpike(change, key, at);
    if (publish === undefined) {
      if (!this.#saidLocal)
        logger.info({}, 'KAFKA_BROKERS is not set: template events are counted in this process only');
      this.#saidLocal = true;
      return;
    }
    const { restaurantId, source, reason } = details;
    const event: Writable<RecordedEvent> = {
      kind,
      key,
      hash,
      tenant: storable(restaurantId || defaultTenant, 64),
      at,
    };
    if (sid !== undefined) event.sid = storable(sid, 64);
    if (source !== undefined) event.source = source;
    if (reason !== undefined) event.reason = storable(reason, 64);
    publish(event);
  }

  metrics(): CacheMetrics {
    return this.#counts.total.metrics();
  }

  report(): RuntimeReport {
    const window = this.#spikes.window(this.#options.wallClock());
    return { ...this.metrics(), byKey: this.#counts.byKey(), window, spike: this.#spikes.open };
  }

  /** With Kafka the windows of all processes are judged together, and one alert tells a spike that several of them see. */
  #tellSpike(change: 'opened' | 'closed', key: string, at: number): void {
    const { logger, publish } = this.#options;
    const rate = ((this.#spikes.window(at).missRate ?? 0) * 100).toFixed(1);
    if (change === 'closed') logger.info({}, 'the spike of cache misses is over');
    else if (publish === undefined)
      logger.warn({ key }, `🚨 ALERT: Cache miss spike detected! Miss rate: ${rate}%`);
    else logger.info({ key }, `${rate}% of this process's look-ups within five minutes were misses`);
  }

  #log(
    kind: CacheEventKind,
    key: string,
    hash: string,
    sid: string | undefined,
    { source }: CacheEventDetails,
  ): void {
    const { logger } = this.#options;
    if (kind !== 'creation' && logger.isLevelEnabled?.('debug') === false) return;
    const what =
      sid === undefined ? `hash: ${shortHash(hash)}...` : `hash: ${shortHash(hash)}..., sid: ${sid}`;
    const fields = source === undefined ? {} : { source };
    if (kind === 'hit') logger.debug(fields, `📊 HIT - ${key} (${what})`);
    else if (kind === 'miss') logger.debug(fields, `⚠️ MISS - ${key} (${what})`);
    else logger.info(fields, `🆕 CREATION - ${key} (${what})`);
  }
}
