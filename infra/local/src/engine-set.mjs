import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { startKafka } from './engines/kafka.mjs';
import { endLeftover } from './engines/pid-file.mjs';
import { forgetPostgres, startPostgres } from './engines/postgres.mjs';
import { startRedis } from './engines/redis.mjs';

/**
 * @typedef {object} Engine
 * @property {string} name
 * @property {boolean} running
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} kill
 * @property {(listener: (how: string) => void) => void} onDeath
 *
 * @typedef {{ kafka: string[], redis: string, database: string }} Addresses
 */

/**
 * The engines of a stack: started side by side, brought up again when they die, stopped together.
 */
export class EngineSet {
  /** @type {Engine[]} */
  #engines = [];
  #stopping = new AbortController();

  /** @param {{ dir: string, cache: string, onNote: (note: string) => void }} options */
  constructor({ dir, cache, onNote }) {
    this.dir = dir;
    this.cache = cache;
    this.onNote = onNote;
  }

  /** Forgets all data; ends what an earlier run left. */
  async forget() {
    for (const name of ['kafka', 'redis']) await endLeftover(join(this.dir, name, `${name}.pid`));
    await forgetPostgres(join(this.dir, 'postgres'));
    rmSync(this.dir, { recursive: true, force: true });
  }

  /**
   * Kafka and Redis come by Maven, Postgres by npm: each starts as soon as its own is there.
   * @param {object} options
   * @param {import('./progress.mjs').Progress} options.progress
   * @param {Promise<void>} options.installed
   * @param {(database: string) => Promise<void>} options.onDatabase what needs Postgres alone is done while Kafka boots
   * @returns {Promise<Addresses>}
   */
  async start({ progress, installed, onDatabase }) {
    const { dir, cache } = this;
    const kafka = progress.step('Kafka', (onProgress) =>
      startKafka({ dir: join(dir, 'kafka'), cacheDir: cache, onProgress }).then((engine) =>
        this.#keep(engine),
      ),
    );
    const redis = progress.step('Redis', (onProgress) =>
      startRedis({ dir: join(dir, 'redis'), cacheDir: cache, onProgress }).then((engine) =>
        this.#keep(engine),
      ),
    );
    const postgres = installed.then(() =>
      progress.step('Postgres', () =>
        startPostgres({ dir: join(dir, 'postgres'), onProgress: (note) => this.onNote(note) }).then(
          (engine) => this.#keep(engine),
        ),
      ),
    );
    const prepared = postgres.then(({ url }) => onDatabase(url));
    // All of them settle before a failure is told, so that none starts behind the back of whoever cleans up.
    const settled = await Promise.allSettled([kafka, redis, postgres, prepared]);
    for (const one of settled) if (one.status === 'rejected') throw one.reason;
    return { kafka: (await kafka).brokers, redis: (await redis).url, database: (await postgres).url };
  }

  /**
   * @template {Engine} T
   * @param {T} engine
   * @returns {Promise<T>}
   */
  async #keep(engine) {
    this.#engines.push(engine);
    if (this.#stopping.signal.aborted) {
      await engine.kill();
      throw new Error(`${engine.name} was stopped`);
    }
    engine.onDeath((how) => {
      this.onNote(`${how}; it is started again`);
      void this.#revive(engine);
    });
    return engine;
  }

  /** @param {Engine} engine */
  async #revive(engine) {
    for (
      let backoff = 500;
      !this.#stopping.signal.aborted && !engine.running;
      backoff = Math.min(backoff * 2, 10_000)
    ) {
      await sleep(backoff, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return;
      try {
        await engine.start();
        this.onNote(`${engine.name} runs again`);
        // A stop that came while it started found nothing to stop yet.
        if (this.#stopping.signal.aborted) await engine.kill();
      } catch (error) {
        this.onNote(`${engine.name} did not start: ${/** @type {Error} */ (error).message}`);
      }
    }
  }

  async stop() {
    this.#stopping.abort();
    const stopped = await Promise.allSettled(this.#engines.map((engine) => engine.stop()));
    for (const one of stopped) if (one.status === 'rejected') throw one.reason;
  }

  async kill() {
    this.#stopping.abort();
    await Promise.allSettled(this.#engines.map((engine) => engine.kill()));
  }
}
