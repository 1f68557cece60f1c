import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ownKafka, ownPostgres, ownRedis, startPipeline } from '@mersal/testkit';
import { CHROMIUM, inBrowser } from './browser.js';
import { lookAround } from './look-around.js';

/**
 * Opens the console in a real browser, on real engines with traffic, at the widths of a desk and of a phone; does what somebody on call
 * does, and keeps a picture of every page. Ends with 1 where anything is not as it should be.
 */
const { values } = parseArgs({
  options: {
    browser: { type: 'string', default: CHROMIUM },
    /** Where the pictures go. */
    pictures: { type: 'string', default: 'test-results/console' },
  },
});
mkdirSync(values.pictures, { recursive: true });
const [kafka, redis, postgres] = await Promise.all([ownKafka(), ownRedis(), ownPostgres()]);
try {
  const pipeline = await startPipeline({
    tenants: ['zafran', 'burger-lab', 'najd-kabsa'],
    cacheMetrics: 1,
    latencyMs: 50,
    engines: { kafka: kafka.brokers, redis: redis.url, postgres: postgres.url },
  });
  try {
    const faults = await inBrowser(values.browser, (browser) =>
      lookAround(browser, pipeline, values.pictures),
    );
    for (const fault of faults) process.stdout.write(`✗ ${fault}\n`);
    process.stdout.write(faults.length === 0 ? 'the console works\n' : `${faults.length} faults\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await pipeline.stop();
  }
} finally {
  await Promise.all([kafka.stop(), redis.stop(), postgres.stop()]);
}
