import { Releases } from './releases.js';

export interface ServiceLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}

/** What a service's `compose` gets: where to register releases, and how to give up. */
export interface Scope {
  readonly releases: Releases;
  /** Stops the service with exit code 1; the reason is logged. */
  readonly fail: (error: unknown) => void;
}

export interface ServiceOptions {
  readonly name: string;
  readonly logger: ServiceLogger;
  readonly start: (scope: Scope) => Promise<void>;
  /** Longest drain before the process ends all the same, in ms. */
  readonly drainMs?: number;
  /** Signals closer than this count once: npm and the terminal may both send one. In ms. */
  readonly sameSignalMs?: number;
  readonly process?: Pick<NodeJS.Process, 'on' | 'exit' | 'exitCode'>;
  readonly now?: () => number;
}

/*
 *   starting ──► running ──signal──► draining ──► exit 0
 *      │            │                   │
 *      └─ error ────┴─ fail() ──► draining ──► exit 1
 *                                       └─ second signal, or drainMs ──► exit 1 at once
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { name, logger } = options;
  const host = options.process ?? process;
  const now = options.now ?? (() => performance.now());
  const releases = new Releases();
  let stopping = false;
  let firstSignalAt = Number.NEGATIVE_INFINITY;

  const stop = (code: number): void => {
    if (stopping) return;
    stopping = true;
    host.exitCode = code;
    const force = setTimeout(() => {
      logger.fatal({ drainMs: options.drainMs ?? 25_000 }, `${name}: not drained in time, ending now`);
      host.exit(1);
    }, options.drainMs ?? 25_000);
    force.unref();
    releases
      .run((step) => logger.info({ step }, `${name}: closing ${step}`))
      .then(
        () => {
          logger.info({}, `${name}: stopped`);
          host.exit(code);
        },
        (error: unknown) => {
          logger.fatal({ err: error }, `${name}: stopping failed`);
          host.exit(1);
        },
      );
  };

  const onSignal = (signal: NodeJS.Signals): void => {
    const at = now();
    if (!stopping) {
      firstSignalAt = at;
      logger.info({ signal }, `${name}: ${signal}, draining`);
      stop(0);
    } else if (at - firstSignalAt > (options.sameSignalMs ?? 500)) {
      logger.warn({ signal }, `${name}: ${signal} again, ending now`);
      host.exit(1);
    }
  };
  const fail = (error: unknown): void => {
    logger.fatal({ err: error }, `${name}: fatal error`);
    stop(1);
  };
  host.on('SIGINT', onSignal);
  host.on('SIGTERM', onSignal);
  host.on('uncaughtException', fail);
  host.on('unhandledRejection', fail);

  try {
    await options.start({ releases, fail });
  } catch (error) {
    fail(error);
  }
}
