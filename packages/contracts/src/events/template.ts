import { z } from 'zod';
import { SKETCH_SIZE } from './distinct-hashes.js';
import * as f from './fields.js';

/** `mersal.template.event.v1`: one look-up or creation in the template cache, or `count` of a kind that lost their detail. */
export const templateEvent = z.object({
  kind: z.enum(['hit', 'miss', 'creation']),
  key: f.storable(256).min(1),
  hash: f.storable(128).min(1),
  sid: f.storable(64).optional(),
  /** Restaurant, account, or `default`. */
  tenant: f.storable(64).min(1),
  source: z.enum(['memory', 'redis', 'database']).optional(),
  reason: f.storable(64).optional(),
  at: f.timeMs,
  /** The recording process and its running number: a record seen twice is counted once. */
  producer: f.storable(128).min(1),
  sequence: f.counter,
  /** How many events it stands for; missing: one. */
  count: z.int().min(1).optional(),
  /** Of a record that stands for several: a sketch of the distinct hashes among them (`hash` is one of them). */
  hashes: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 48 - 1),
    )
    .max(SKETCH_SIZE)
    .optional(),
});
export type TemplateEvent = z.infer<typeof templateEvent>;

/** `mersal.template.alert.v1`: a spike of misses opened, goes on, or closed. */
export const templateAlert = z.object({
  state: z.enum(['opened', 'updated', 'closed']),
  scope: z.enum(['global', 'key']),
  key: z.string().nullable(),
  openedAt: f.timeMs,
  at: f.timeMs,
  missRate: z.number().min(0).max(1),
  requests: f.counter,
  cause: z.enum(['hash_churn', 'cold_start', 'invalidation', 'new_key', 'store_away', 'unknown']),
  distinctHashes: f.counter.nullable(),
  message: z.string(),
});
export type TemplateAlert = z.infer<typeof templateAlert>;
