import type { Database } from '../database.js';

/** The numbers of restaurants by their public ids; those that do not exist are missing. */
export async function readTenantNumbers(
  database: Database,
  restaurantIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await database.run({
    name: 'read-tenant-numbers',
    text: 'select id, restaurant_id from tenant where restaurant_id = any($1::text[])',
    values: [restaurantIds],
  });
  return new Map(rows.map((row) => [row['restaurant_id'] as string, row['id'] as number]));
}
