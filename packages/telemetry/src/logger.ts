import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type Logger, pino } from 'pino';
import { logOutput } from './log-output.js';
import { maskText } from './mask.js';

export type { Logger } from 'pino';

/** Fields that never reach a log line, wherever they stand in the first two levels. */
const SECRET = [
  'authToken',
  'authorization',
  'apiKey',
  'password',
  'token',
  'text',
  'body',
  'to',
  'from',
  'phoneNumber',
];

export interface LoggerOptions {
  readonly service: string;
  readonly instance: string;
  readonly level: string;
  /** Where lines go; default stdout. */
  readonly destination?: { write(line: string): void };
}

/** JSON lines with the trace id of the active span, and nothing in them that is secret or personal. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service, instance: options.instance },
    redact: { paths: SECRET.flatMap((key) => [key, `*.${key}`]), censor: '…' },
    serializers: { err: serializeError, error: serializeError },
    mixin: () => {
      const context = trace.getActiveSpan()?.spanContext();
      return context && isSpanContextValid(context)
        ? { trace_id: context.traceId, span_id: context.spanId }
        : {};
    },
  };
  if (options.destination) return pino(settings, options.destination);
  const logger: Logger = pino(
    settings,
    logOutput((lines) => logger.warn({ lines }, 'lines of this log were left out: nobody read them in time')),
  );
  return logger;
}

/** Name, code, message and stack only: an error object of a library may carry a whole request, headers included. */
export function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error, message: maskText(String(error)) };
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
      ? error.code
      : undefined;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: maskText(error.message),
    ...(error.stack === undefined ? {} : { stack: maskText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  };
}
