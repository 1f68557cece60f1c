import { partitionFor } from '@mersal/contracts';
import { createMemoryLedger } from '@mersal/ledger/memory';
import type { Subject } from './subject.js';

const PARTITIONS = 4;

/** The fake on a clock of its own. */
export function memorySubject(): Subject {
  let now = 1_800_000_000_000;
  let tenants = 0;
  const ledger = createMemoryLedger({ partitions: PARTITIONS, clock: () => now });
  const named = (name: string) => ledger.readTenants([name])[0];
  return {
    ledger,
    now: () => now,
    async later(ms) {
      now += ms;
    },
    async tenant(restaurantId, settings = {}) {
      const partition = partitionFor(restaurantId, PARTITIONS);
      tenants += 1;
      ledger.saveTenant({
        id: tenants,
        restaurantId,
        partition,
        accountSid: `AC${'0'.repeat(32)}`,
        ...settings,
      });
      return { id: tenants, partition };
    },
    status: async (name) => named(name)?.status,
    async renewCredentials(name) {
      const tenant = named(name);
      if (tenant) ledger.saveTenant({ ...tenant, authToken: 'renewed', status: 'active' });
    },
    pausedUntil: async (name) => named(name)?.pausedUntil,
    rateEpoch: async () => 1,
  };
}
