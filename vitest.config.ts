import { defineConfig } from 'vitest/config';

const roots = '{packages,apps,infra}';
/** They look at rates, plans and time, or bring the machine to its limits: one after the other, when all others are done. */
const alone = [
  'apps/cache-metrics/test/*.itest.ts',
  'infra/local/test/*.itest.ts',
  'infra/pipeline/test/{chaos,direct,scenarios.*}.itest.ts',
  'packages/ledger/test/{stress,plans,list-plans}.itest.ts',
  'packages/limits/test/*.itest.ts',
  'packages/template-cache/test/*.itest.ts',
];
/** They take long, and belong to `npm run test:full`. */
const full = ['**/*.full.itest.ts'];
/** They need a Jaeger, and belong to `npm run test:full`, too: it builds one. */
const traces = ['infra/pipeline/test/traces.full.itest.ts'];
const everywhere = ['**/node_modules/**', '**/dist/**', '**/.local/**'];

const integration = {
  globalSetup: ['packages/testkit/src/global-setup.ts'],
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: [`${roots}/*/test/**/*.test.ts`],
          exclude: everywhere,
          pool: 'threads',
          testTimeout: 20_000,
        },
      },
      {
        // One Kafka, Redis and Postgres for the whole run. Most tests wait for them more than they work: two files at a time.
        test: {
          ...integration,
          name: 'integration',
          include: [`${roots}/*/test/**/*.itest.ts`],
          exclude: [...everywhere, ...alone, ...full],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...integration,
          name: 'alone',
          include: alone,
          exclude: [...everywhere, ...full],
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...integration,
          name: 'full',
          include: full,
          exclude: [...everywhere, ...traces],
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
      { test: { ...integration, name: 'traces', include: traces, exclude: everywhere } },
    ],
  },
});
