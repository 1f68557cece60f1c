import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { agreePartitions, migrate } from '@mersal/ledger';
import { freshDatabase, ownKafka, ownPostgres, waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFixture, type TestTenant } from './ingress-fixture.js';

const GOOD = { phoneNumber: '+966501234567', text: 'x' };
const ready = async (fixture: Fixture): Promise<number> =>
  (await fetch(`${fixture.service.url}/health/ready`)).status;

describe('Kafka away', () => {
  let kafka: Awaited<ReturnType<typeof ownKafka>>;
  let fixture: Fixture;
  let tenant: TestTenant;
  beforeAll(async () => {
    kafka = await ownKafka();
    fixture = await openFixture({ kafka: kafka.brokers, env: { PRODUCE_DEADLINE_MS: '2000' } });
    tenant = await fixture.tenant('r1');
  }, 120_000);
  afterAll(async () => {
    await fixture?.service.stop();
    await fixture?.database.close();
    await kafka?.remove();
  });

  it('answers 503 within the deadline, never 202, and goes on by itself once it is back', async () => {
    const before = (await fixture.send(tenant, GOOD)).body['id'] as string;
    await kafka.kill();
    for (let n = 0; n < 3; n += 1) {
      const began = performance.now();
      const answer = await fixture.send(tenant, GOOD);
      expect(performance.now() - began).toBeLessThan(2_100);
      expect(answer).toMatchObject({ status: 503, body: { code: 'queue_unavailable' } });
      expect([false, 'unknown']).toContain(answer.body['accepted']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const batch = await fixture.call('POST', '/api/whatsapp/send/batch', {
      key: tenant.apiKey,
      body: { messages: [GOOD, GOOD] },
    });
    expect(batch).toMatchObject({ status: 503, body: { code: 'queue_unavailable' } });
    const pending = await fixture.call('GET', `/api/messages/${before}`, { key: tenant.apiKey });
    expect(pending).toMatchObject({ status: 503, body: { code: 'queue_unavailable' } });
    // The ledger's counts are known all the same; what is not is null.
    const counts = await fixture.call('GET', '/api/queue/metrics');
    expect(counts).toMatchObject({ status: 200, body: { accepted: 0, unfiled: null } });
    await waitFor(async () => (await ready(fixture)) === 503);
    expect((await fetch(`${fixture.service.url}/health/live`)).status).toBe(200);

    await kafka.restart();
    await waitFor(async () => (await fixture.send(tenant, GOOD)).status === 202, { timeoutMs: 30_000 });
    await waitFor(async () => (await ready(fixture)) === 200);
    expect((await fixture.call('GET', '/api/queue/metrics')).body['unfiled']).toBeGreaterThanOrEqual(2);
  }, 90_000);
});

describe('Postgres away', () => {
  let postgres: Awaited<ReturnType<typeof ownPostgres>>;
  let fixture: Fixture;
  let tenant: TestTenant;
  beforeAll(async () => {
    postgres = await ownPostgres();
    fixture = await openFixture({ postgres: postgres.url });
    tenant = await fixture.tenant('r1');
  }, 120_000);
  afterAll(async () => {
    await fixture?.close();
    await postgres?.remove();
  });

  it('keys that were seen within 5 s still send; then 503, and on once it is back', async () => {
    expect((await fixture.send(tenant, GOOD)).status).toBe(202);
    await postgres.kill();
    expect((await fixture.send(tenant, GOOD, { 'idempotency-key': 'k' })).status).toBe(202);
    const unseen = await fixture.call('POST', '/api/whatsapp/send', {
      key: `mk_${'a'.repeat(16)}_${'b'.repeat(48)}`,
      body: GOOD,
    });
    expect(unseen).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
    expect(unseen.headers.get('retry-after')).not.toBeNull();
    for (const path of ['/api/queue/metrics', '/api/cache/metrics']) {
      expect(await fixture.call('GET', path)).toMatchObject({
        status: 503,
        body: { code: 'store_unavailable' },
      });
    }
    await expect
      .poll(async () => (await fixture.send(tenant, GOOD)).body['code'], { timeout: 8_000, interval: 250 })
      .toBe('store_unavailable');
    await waitFor(async () => (await ready(fixture)) === 503);

    await postgres.restart();
    await waitFor(async () => (await fixture.send(tenant, GOOD)).status === 202, { timeoutMs: 20_000 });
    await waitFor(async () => (await ready(fixture)) === 200);
  }, 90_000);
});

describe('a start that can’t be', () => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  async function run(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
    const child = spawn(process.execPath, [main], { env: { PATH: process.env['PATH'] ?? '', ...env } });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, said };
  }

  it('names every fault of the environment at once, and no secret', async () => {
    const { code, said } = await run({
      PORT: 'many',
      KAFKA_BROKERS: 'localhost',
      ID_KEYS: '1:hunter2',
      PRODUCE_DEADLINE_MS: '1',
    });
    expect(code).toBe(1);
    for (const name of ['PORT', 'KAFKA_BROKERS', 'DATABASE_URL', 'CREDENTIALS_KEY', 'PRODUCE_DEADLINE_MS']) {
      expect(said).toContain(name);
    }
    expect(said).not.toContain('hunter2');
    expect(said).not.toMatch(/\n\s+at /);
  });

  it('refuses another number of partitions than the ledger has', async () => {
    const fixture = await openFixture();
    const database = await freshDatabase('ingress');
    await migrate(database);
    await agreePartitions(database, fixture.queue, 7);
    const { code, said } = await run({ ...fixture.env, DATABASE_URL: database });
    expect(code).toBe(1);
    expect(said).toMatch(/4 partitions, the ledger has 7/);
    const unprepared = await run({ ...fixture.env, DATABASE_URL: await prepared(), LOG_LEVEL: 'fatal' });
    expect(unprepared).toMatchObject({ code: 1, said: expect.stringContaining('mersal topics ensure') });
    await fixture.close();
  });

  async function prepared(): Promise<string> {
    const database = await freshDatabase('ingress');
    await migrate(database);
    return database;
  }
});

it('SIGTERM: requests under way are answered, connections end, the exit code is 0', async () => {
  const fixture = await openFixture();
  const tenant = await fixture.tenant('r1');
  const statuses: number[] = [];
  let refused = 0;
  let stop = false;
  const clients = Array.from({ length: 8 }, async () => {
    while (!stop) {
      try {
        statuses.push((await fixture.send(tenant, GOOD)).status);
      } catch {
        // The listener is closed: nothing was taken.
        refused += 1;
        stop = true;
      }
    }
  });
  await waitFor(() => statuses.length > 50);
  const began = performance.now();
  fixture.service.signal('SIGTERM');
  await Promise.all(clients);
  expect(await fixture.service.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(new Set(statuses)).toEqual(new Set([202]));
  expect(refused).toBeGreaterThan(0);
  await fixture.close();
}, 60_000);

it('METRICS_AUTH=token: a platform key reads the metrics, a restaurant’s does not', async () => {
  const fixture = await openFixture({ env: { METRICS_AUTH: 'token' } });
  const tenant = await fixture.tenant('r1');
  const platform = await fixture.key(null, ['send:any']);
  for (const path of ['/api/queue/metrics', '/api/cache/metrics']) {
    expect((await fixture.call('GET', path)).status).toBe(401);
    expect((await fixture.call('GET', path, { key: tenant.apiKey })).status).toBe(403);
    expect((await fixture.call('GET', path, { key: platform })).status).toBe(200);
    expect((await fixture.call('GET', path, { key: fixture.adminToken })).status).toBe(200);
  }
  await fixture.close();
});
