import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ownKafka, ownPostgres, ownRedis, startPipeline } from '@mersal/testkit';
import { chromium } from 'playwright-core';
import { lookAround } from './look-around.js';

/**
 * Opens the console in a real browser, on real engines with traffic, at the widths of a desk and of a phone; does what somebody on call
 * does, and keeps a picture of every page. Ends with 1 where anything is not as it should be.
 */
const { values } = parseArgs({
  options: {
    browser: { type: 'string', default: '/usr/bin/chromium' },
    /** Where the pictures go. */
    pictures: { type: 'string', default: 'test-results/console' },
  },
});
mkdirSync(values.pictures, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), 'mersal-browser-'));
const [kafka, redis, postgres] = await Promise.all([ownKafka(), ownRedis(), ownPostgres()]);
try {
  const pipeline = await startPipeline({
    tenants: ['zafran', 'burger-lab', 'najd-kabsa'],
    cacheMetrics: 1,
    latencyMs: 50,
    engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
  });
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: values.browser,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-sync',
      '--disable-component-update',
    ],
  });
  try {
    const faults = await lookAround(browser, pipeline, values.pictures);
    for (const fault of faults) process.stdout.write(`✗ ${fault}\n`);
    process.stdout.write(faults.length === 0 ? 'the console works\n' : `${faults.length} faults\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await browser.close();
    await pipeline.stop();
  }
} finally {
  await Promise.all([kafka.stop(), redis.stop(), postgres.stop()]);
  rmSync(profile, { recursive: true, force: true });
}
