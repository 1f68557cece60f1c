import type { z } from 'zod';
import { type Fault, Problem } from '../problems/problem.js';
import { toFaults } from '../problems/zod-faults.js';

/**
 * A body as its schema reads it. Throws a Problem with all faults at once: each field's, and what `relations` finds between
 * them, which it is asked for also where single fields are at fault.
 */
export function readBody<S extends z.ZodType>(
  schema: S,
  raw: unknown,
  relations: (given: Readonly<Record<string, unknown>>) => readonly Fault[] = () => [],
): z.output<S> {
  const parsed = schema.safeParse(raw ?? {});
  const given = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};
  const faults = [...(parsed.success ? [] : toFaults(parsed.error.issues)), ...relations(given)];
  if (!parsed.success || faults.length > 0) throw new Problem('validation_failed', { errors: faults });
  return parsed.data;
}

/** A body that names a restaurant there is not. */
export function unknownRestaurant(): Problem {
  return new Problem('validation_failed', {
    errors: [{ pointer: '/restaurantId', code: 'unknown', message: 'there is no such restaurant' }],
  });
}
