/** The part of a pino logger that this package uses. */
export interface CacheLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** Where it says no, lines of that level are not even written. */
  isLevelEnabled?(level: 'debug'): boolean;
}

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;

/** JSON lines on stderr: stdout belongs to the program that uses this package. */
export function stderrLogger(level: string | undefined): CacheLogger {
  const least =
    level === 'trace'
      ? 0
      : (LEVELS[level as keyof typeof LEVELS] ??
        (level === 'silent' || level === 'fatal' ? 99 : LEVELS.info));
  const at =
    (severity: number) =>
    (fields: object, msg: string): void => {
      if (severity < least) return;
      process.stderr.write(`${JSON.stringify({ level: severity, time: Date.now(), ...fields, msg })}\n`);
    };
  return {
    debug: at(LEVELS.debug),
    info: at(LEVELS.info),
    warn: at(LEVELS.warn),
    error: at(LEVELS.error),
    isLevelEnabled: (asked) => LEVELS[asked] >= least,
  };
}

/** An error without what a driver may have put into it besides its code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return (code + error.message).replace(/:\/\/[^/@\s]+@/g, '://…@').slice(0, 300);
}
