import type { CacheLogger } from '../src/index.js';

/** Keeps what it is told: level and sentence. */
export function collectingLogger(): CacheLogger & { readonly lines: [level: string, message: string][] } {
  const lines: [string, string][] = [];
  const at = (level: string) => (_fields: object, message: string) => void lines.push([level, message]);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
