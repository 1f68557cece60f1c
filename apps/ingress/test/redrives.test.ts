import type { DeadLetter, Statement } from '@mersal/ledger';
import { createLogger, createMetrics } from '@mersal/telemetry';
import { expect, it } from 'vitest';
import { redriveRoutes } from '../src/dead/post-redrives.js';
import { createServer } from '../src/server.js';

const LETTER = {
  restaurantId: 'r1',
  u: '0'.repeat(32),
  tag: `1${'a'.repeat(12)}`,
  redrive: 0,
  refusal: null,
  place: { at: 1, u: '0'.repeat(32) },
} as DeadLetter;

it('a redrive that never ends leaves who asked for what', async () => {
  const app = await createServer({
    logger: createLogger({
      service: 'ingress',
      instance: 'test',
      level: 'error',
      destination: { write: () => undefined },
    }),
    metrics: createMetrics(),
    version: '0',
    publicUrl: 'http://localhost',
    now: () => performance.now(),
    isDraining: () => false,
  });
  const happened: unknown[] = [];
  redriveRoutes(
    {
      app,
      unchecked: {},
      auth: () => async (request) => {
        request.principal = {
          keyId: 'k1',
          tenant: null,
          restaurantId: null,
          scopes: new Set(['admin']),
          expiresAt: null,
        };
      },
    },
    {
      database: {
        run: async ({ name, values }: Statement) => {
          if (name === 'audit') happened.push(values.slice(0, 3));
          return [{ now: 2 }];
        },
      } as never,
      ledger: { listDead: async (_filter, page) => (page.after === undefined ? [LETTER] : []) },
      tenants: { find: async () => undefined },
      publisher: {
        publish: async () => {
          happened.push('published');
          throw new Error('the process is gone');
        },
      },
      topic: 'retry',
      partitions: 4,
      source: 'test',
      wallClock: () => 2,
    },
  );
  try {
    const dry = await app.inject({
      method: 'POST',
      url: '/api/redrives',
      payload: { all: true, dryRun: true },
    });
    expect([dry.statusCode, happened]).toEqual([200, []]);
    const ended = await app.inject({ method: 'POST', url: '/api/redrives', payload: { all: true } });
    expect(ended.statusCode).toBe(500);
    expect(happened).toEqual([['key:k1', 'dead.redrive', 'all'], 'published']);
  } finally {
    await app.close();
  }
});
