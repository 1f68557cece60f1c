import { type Database, readTenants, saveTenant } from '@mersal/ledger';
import { type Fixture, keys, openFixture } from '../ledger-fixture.js';
import type { Subject } from './subject.js';

/** The ledger in Postgres, whose time goes by itself. */
export async function postgresSubject(): Promise<Subject & { close(): Promise<void> }> {
  const fixture: Fixture = await openFixture();
  const database: Database = fixture.database;
  const named = async (name: string) => (await readTenants(database, keys, [name]))[0];
  return {
    ledger: fixture.ledger,
    now: () => Date.now(),
    later: (ms) => new Promise((done) => setTimeout(done, ms)),
    async tenant(restaurantId, settings = {}) {
      const tenant = await fixture.tenant(restaurantId);
      await database.run({
        name: 'set-tenant',
        text: 'update tenant set on_dead = $2, concurrency = $3 where id = $1',
        values: [tenant.id, settings.onDead ?? 'skip', settings.concurrency ?? null],
      });
      return tenant;
    },
    status: async (name) => (await named(name))?.status,
    async renewCredentials(name) {
      const tenant = await named(name);
      if (tenant) await saveTenant(database, keys, { ...tenant, authToken: 'renewed' });
    },
    pausedUntil: async (name) => (await named(name))?.pausedUntil,
    async rateEpoch() {
      const [row] = await database.run({ name: 'epoch', text: 'select epoch from rate_group', values: [] });
      return Number(row?.['epoch']);
    },
    close: () => fixture.close(),
  };
}
