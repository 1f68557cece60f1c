import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { AppLog } from './app-log.mjs';
import { writeJson } from './atomic-file.mjs';
import { describe, runDemo } from './demo/demo-run.mjs';
import { restaurants } from './demo/restaurants.mjs';
import { EngineSet } from './engine-set.mjs';
import { choosePort } from './engines/free-port.mjs';
import { hasJavaArtifacts } from './engines/java-artifacts.mjs';
import { findJava, findMaven } from './engines/java.mjs';
import { build, install, isBuilt, isInstalled } from './installation.mjs';
import { ensureTopics, migrate, seedTenants } from './provision.mjs';
import { endLeftovers, releaseRunLock, takeRunLock } from './run-lock.mjs';
import { keptSecrets, tokenHash } from './secrets.mjs';
import { appCommand, commonEnvironment, products, servicePlans } from './service-definitions.mjs';
import { ServiceSet } from './service-set.mjs';
import { joinJaeger, newestTrace, traceEnvironment } from './traces.mjs';

const SERVICE_GRACE_MS = 15_000;

/**
 * Everything that `npm start` runs. What is acquired pushes its release, and `stop` runs those from the last to the first:
 * demo, services, engines, the run lock.
 */
export class Stack {
  /** @type {{ stop: () => Promise<void>, kill: () => Promise<void> | void }[]} */
  #releases = [];
  #stopping = new AbortController();
  /** @type {Promise<void> | undefined} */
  #stopped;

  /**
   * @param {object} setting
   * @param {string} setting.root
   * @param {import('./paths.mjs').StatePaths} setting.paths
   * @param {import('./options.mjs').Options} setting.options
   * @param {NodeJS.ProcessEnv} setting.env
   * @param {import('./progress.mjs').Progress} setting.progress
   */
  constructor({ root, paths, options, env, progress }) {
    this.root = root;
    this.paths = paths;
    this.options = options;
    this.env = env;
    this.progress = progress;
  }

  get stopping() {
    return this.#stopping.signal.aborted;
  }

  #proceed() {
    this.#stopping.signal.throwIfAborted();
  }

  /** @param {string} text */
  #note(text) {
    this.log?.own(40, text);
    this.progress.line(`! ${text}`);
  }

  /** Brings everything up. @throws what went wrong; `stop` then ends what runs already */
  async start() {
    const { paths, options, progress } = this;
    takeRunLock(paths.run);
    this.#releases.push({
      stop: async () => releaseRunLock(paths.run),
      kill: () => releaseRunLock(paths.run),
    });
    const plain = !progress.out.isTTY;
    const log = new AppLog(paths.appLog, {
      onWarning: (service, line) => {
        if (plain) progress.line(`${service}: ${line}`);
      },
    });
    this.log = log;
    for (const name of await endLeftovers(paths.services)) this.#note(`ended ${name} of an earlier run`);
    rmSync(paths.stack, { force: true });

    const own = restaurants(options.tenants);
    const engines = await this.#engines();
    if (options.fresh) rmSync(paths.secrets, { force: true });
    const secrets = keptSecrets(
      paths.secrets,
      own.map(({ restaurantId }) => restaurantId),
    );
    const tenants = own.map((restaurant) => {
      const kept = /** @type {import('./secrets.mjs').TenantSecrets} */ (
        secrets.tenants[restaurant.restaurantId]
      );
      return { restaurant, ...kept };
    });
    writeJson(
      paths.accounts,
      tenants.map(({ restaurant, accountSid, authToken }) => ({
        accountSid,
        authToken,
        numbers: [restaurant.fromNumber.replace('whatsapp:', '')],
      })),
    );

    const installed = this.#install();
    const addresses = await engines(installed, async (database) => {
      await installed;
      const own = /** @type {Record<string, string>} */ ({ ...this.env, DATABASE_URL: database });
      await progress.step('tables', () => migrate(this.root, own));
    });
    await installed;
    if (options.traces) {
      const jaeger = await progress.step('Jaeger', (tell) =>
        joinJaeger({ dir: join(paths.engines, 'jaeger'), cache: paths.cache, tell }),
      );
      this.#releases.push(jaeger);
    }
    this.#proceed();

    const ingressPort = await this.#port('ingress', Number(this.env['PORT'] ?? 3000));
    const external = this.env['TWILIO_API_BASE_URL'];
    const simulator = external
      ? undefined
      : { port: await this.#port('the simulator', 4010), accounts: paths.accounts };
    const ingress = `http://127.0.0.1:${ingressPort}`;
    const twilio = external || `http://127.0.0.1:${simulator?.port}`;
    const common = {
      ...(options.traces ? traceEnvironment : {}),
      ...commonEnvironment({
        env: this.env,
        ...addresses,
        twilio,
        publicUrl: ingress,
        secrets,
        adminTokenHash: tokenHash(secrets.adminToken),
      }),
    };
    await progress.step('topics', () => ensureTopics(this.root, common));
    const seed = () =>
      seedTenants({
        root: this.root,
        env: common,
        tenantsFile: paths.tenants,
        tenants: tenants.map(({ restaurant: { restaurantId, name, fromNumber }, ...kept }) => ({
          restaurantId,
          name,
          ...kept,
          fromNumbers: [fromNumber],
        })),
      });
    this.#proceed();

    const services = new ServiceSet({
      log,
      onNote: (text) => this.#note(text),
      onChange: () =>
        writeJson(paths.stack, {
          ingress,
          adminToken: secrets.adminToken,
          ...addresses,
          twilio,
          services: services.list().filter(({ name }) => name !== 'twilio-simulator'),
          tenants: tenants.map(
            ({ restaurant: { restaurantId, fromNumber }, apiKey, accountSid, authToken }) => ({
              restaurantId,
              apiKey,
              accountSid,
              authToken,
              fromNumber,
            }),
          ),
        }),
    });
    this.#releases.push({
      stop: async () => {
        rmSync(paths.stack, { force: true });
        await services.stop(SERVICE_GRACE_MS);
      },
      kill: () => {
        rmSync(paths.stack, { force: true });
        services.kill();
      },
    });
    const probes = new Set([ingressPort, simulator?.port ?? 0]);
    /** @type {import("./service-set.mjs").ServiceSpec[]} */
    const specs = [];
    for (const { name, app, env } of servicePlans({ senders: options.senders, simulator, ingressPort })) {
      const probePort = await choosePort(undefined, { except: probes });
      probes.add(probePort);
      const spec = { name, ...appCommand(this.root, app), probePort, pidDir: paths.services };
      const own = { ...common, ...env, INSTANCE: name, PROBE_PORT: String(probePort) };
      // Only ingress listens where PORT says; the caller's own PORT is not for the others.
      if (env.PORT === undefined) delete (/** @type {Record<string, string | undefined>} */ (own).PORT);
      specs.push({ ...spec, env: own });
    }
    // Both are waited for before a failure is told, so that none goes on behind the back of whoever cleans up.
    const begun = await Promise.allSettled([
      progress.step('restaurants', seed),
      progress.step(`services: ${specs.map(({ name }) => name).join(', ')}`, () => services.start(specs)),
    ]);
    for (const one of begun) if (one.status === 'rejected') throw one.reason;
    this.#proceed();
    services.complete();
    this.ready = { ingress, twilio, ownProvider: simulator !== undefined, tenants, services };
    return this.ready;
  }

  /**
   * @returns {Promise<(installed: Promise<void>, onDatabase: (database: string) => Promise<void>) =>
   *   Promise<import('./engine-set.mjs').Addresses>>}
   */
  async #engines() {
    const { env, options, paths, progress } = this;
    if (options.engines === 'external') {
      if (options.fresh) this.#note('--fresh leaves external engines alone');
      const database = /** @type {string} */ (env['DATABASE_URL']);
      return async (_installed, onDatabase) => {
        await onDatabase(database);
        return {
          kafka: /** @type {string} */ (env['KAFKA_BROKERS']).split(','),
          redis: /** @type {string} */ (env['REDIS_URL']),
          database,
        };
      };
    }
    // Told before minutes are spent on anything else.
    await findJava(env);
    if (!hasJavaArtifacts(paths.cache)) await findMaven(env);
    const set = new EngineSet({ dir: paths.engines, cache: paths.cache, onNote: (text) => this.#note(text) });
    if (options.fresh) await set.forget();
    this.#releases.push(set);
    return (installed, onDatabase) => set.start({ progress, installed, onDatabase });
  }

  async #install() {
    const { root, paths, progress } = this;
    const checkout = { root, stamp: paths.buildStamp, products };
    if (!isInstalled(root)) await progress.step('npm ci', (tell) => install({ ...checkout, tell }));
    if (!isBuilt(checkout)) await progress.step('build', (tell) => build({ ...checkout, tell }));
  }

  /** @param {string} who @param {number} wanted */
  async #port(who, wanted) {
    const port = await choosePort(wanted);
    if (port !== wanted) this.#note(`port ${wanted} is taken: ${who} listens on ${port}`);
    return port;
  }

  /** Sends the demo's traffic and follows it to its end.
   * @returns {Promise<import('./demo/demo-run.mjs').Summary>} */
  async demo() {
    if (this.ready === undefined) throw new Error('the stack is not ready');
    const { ingress, twilio, ownProvider, tenants } = this.ready;
    const summary = await runDemo({
      ingress,
      twilio,
      ownProvider,
      senders: tenants.map(({ restaurant, apiKey }) => ({ restaurant, apiKey })),
      run: randomBytes(4).toString('hex'),
      signal: this.#stopping.signal,
    });
    this.progress.line(describe(summary));
    if (this.options.traces) this.progress.line(`trace: ${(await newestTrace()) ?? 'none arrived'}`);
    return summary;
  }

  /** Stops everything in order, once. @returns {Promise<void>} */
  stop() {
    this.#stopping.abort();
    this.#stopped ??= this.#release();
    return this.#stopped;
  }

  async #release() {
    /** @type {unknown} */
    let first;
    for (const release of this.#releases.toReversed()) {
      try {
        await release.stop();
      } catch (error) {
        first ??= error;
      }
    }
    this.log?.close();
    if (first !== undefined) throw first;
  }

  /** Ends everything at once. */
  async kill() {
    this.#stopping.abort();
    await Promise.allSettled(this.#releases.toReversed().map(async (release) => release.kill()));
  }
}
