import { defineConfig } from 'vitest/config';

const roots = '{packages,apps,infra}';
const everywhere = ['**/node_modules/**', '**/dist/**', '**/.local/**'];

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
        // One Kafka, Redis and Postgres for the whole run; a file at a time, as the machine's cores are shared with them.
        test: {
          name: 'integration',
          include: [`${roots}/*/test/**/*.itest.ts`],
          exclude: everywhere,
          globalSetup: ['packages/testkit/src/global-setup.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
