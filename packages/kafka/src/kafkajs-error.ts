/** What an error of kafkajs says about itself, through all the errors that it is wrapped in. */
export interface KafkajsErrorFacts {
  /** Kafka's own error name, such as `MESSAGE_TOO_LARGE`; undefined when the error did not come from a broker's answer. */
  readonly type: string | undefined;
  readonly retriable: boolean;
  /** Of the innermost error: its class, its message, and Node's code where it has one, such as `ECONNREFUSED`. */
  readonly name: string | undefined;
  readonly message: string | undefined;
  readonly code: string | undefined;
}

const MAX_DEPTH = 8;

/** kafkajs exports no error classes to ES modules, so errors are known by their fields. */
export function kafkajsErrorFacts(error: unknown): KafkajsErrorFacts {
  let type: string | undefined;
  let retriable = false;
  let name: string | undefined;
  let message: string | undefined;
  let code: string | undefined;
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof current === 'object' && current !== null; depth += 1) {
    const fields = current as {
      type?: unknown;
      code?: unknown;
      message?: unknown;
      retriable?: unknown;
      cause?: unknown;
      name?: unknown;
      originalError?: unknown;
    };
    if (type === undefined && typeof fields.type === 'string') type = fields.type;
    if (typeof fields.code === 'string') code = fields.code;
    if (typeof fields.name === 'string') name = fields.name;
    if (typeof fields.message === 'string') message = fields.message;
    if (fields.retriable === true || fields.name === 'KafkaJSNumberOfRetriesExceeded') retriable = true;
    current = fields.cause ?? fields.originalError;
  }
  return { type, retriable, name, message, code };
}

/** One short line for a log or another error's message. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
