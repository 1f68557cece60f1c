import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** A change of how values are hashed gets another prefix, so that no old hash is taken for a new one. */
const VERSION = 'h1-';

/**
 * A stable hash of a JSON value, `h1-` and 64 hex digits. The order of an object's keys is irrelevant, that of an array's items
 * counts. Throws NotJsonError for what JSON can't express.
 */
export function hashData(value: unknown): string {
  return VERSION + createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** The part of a hash that is shown in log lines. */
export function shortHash(hash: string): string {
  return hash.replace(/^h\d+-/, '').slice(0, 8);
}
