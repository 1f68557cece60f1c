import { type Pipeline, startPipeline } from '@mersal/testkit';
import type { BrowserContext } from 'playwright-core';
import { CHROMIUM, inBrowser } from '../../pipeline/console/browser.js';
import { fillLedger } from '../fill-ledger.js';
import { type LedgerView, viewLedger } from '../ledger-view.js';
import type { BenchContext, Part, Row } from '../part.js';
import { median, spread } from '../spread.js';

const RESTAURANTS = 200;
const FIRST_VIEW_MS = 1_000;
const QUERY_MS = 200;
/** What the pages ask for, of the restaurant with the most messages. */
const PAGES = [
  '/api/queue/metrics',
  '/api/messages?restaurantId=restaurant-0&limit=50',
  '/api/messages?restaurantId=restaurant-0&status=dead&limit=50',
  '/api/messages?restaurantId=restaurant-0&status=queued&limit=50',
  '/api/dead/groups',
  '/api/dead?limit=50',
  '/api/unknown?limit=100',
  '/api/pauses',
  '/api/cache/metrics',
];

/** The console over a large ledger: how soon somebody who is on call sees something, and what its queries take. */
async function run(context: BenchContext): Promise<Row[]> {
  const [messages, rounds] = context.quick ? [100_000, 3] : [1_000_000, 7];
  const pipeline = await startPipeline({
    tenants: Array.from({ length: RESTAURANTS }, (_, n) => `restaurant-${n}`),
    senders: 0,
    engines: context.engines,
  });
  const ledger = viewLedger(pipeline.database);
  try {
    context.say(`  filling the ledger with ${messages} messages`);
    await fillLedger(pipeline, ledger, messages);
    context.say('  most of them come to their end');
    await mostAreDone(ledger);
    context.say('  looking');
    return await inBrowser(CHROMIUM, async (browser) => {
      await signIn(browser, pipeline);
      const views: number[] = [];
      for (let round = 0; round < rounds; round += 1) views.push(await firstView(browser, pipeline));
      const slowest = await slowestAnswer(pipeline, rounds);
      return [
        {
          what: `console with ${messages} messages: from its address to live figures, in Chromium`,
          target: `≤ ${FIRST_VIEW_MS} ms`,
          measured: `${spread(views)} ms`,
          met: median(views) <= FIRST_VIEW_MS,
        },
        {
          what: `slowest answer that a page waits for: ${slowest.path}`,
          target: `≤ ${QUERY_MS} ms`,
          measured: `${slowest.ms.toFixed(0)} ms`,
          met: slowest.ms <= QUERY_MS,
          detail: slowest.all,
        },
      ];
    });
  } finally {
    await ledger.close();
    await pipeline.stop();
  }
}

/** Of a hundred messages ninety were delivered, five are dead, and five wait: a ledger some days into its retention. */
async function mostAreDone(ledger: LedgerView): Promise<void> {
  await ledger.query(`
    update message set state = case when n < 90 then 12 else 20 end, attempt = 1, changed_at = clock_timestamp(),
           error_class = case when n < 90 then null else 'content' end, error_code = case when n < 90 then null else 63016 end,
           dead_reason = case when n < 90 then null else 'provider_rejected' end
      from (select tenant, u, (hashtext(conversation) & 2147483647) % 100 as n from message) of
     where of.tenant = message.tenant and of.u = message.u and n < 95`);
  await ledger.query('analyze message, lane');
  await ledger.query(
    'delete from lane l using message m where m.tenant = l.tenant and m.u = l.head and m.state <> 0',
  );
  await ledger.query('vacuum analyze');
}

async function signIn(browser: BrowserContext, pipeline: Pipeline): Promise<void> {
  const page = browser.pages()[0] ?? (await browser.newPage());
  await page.goto(`${pipeline.ingress}/console/`);
  await page.getByLabel('Admin key').fill(pipeline.adminToken);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

async function firstView(browser: BrowserContext, pipeline: Pipeline): Promise<number> {
  const page = await browser.newPage();
  try {
    const from = performance.now();
    await page.goto(`${pipeline.ingress}/console/`);
    await page.locator('.tile', { hasText: 'Completed' }).filter({ hasText: /[1-9]/ }).waitFor();
    return performance.now() - from;
  } finally {
    await page.close();
  }
}

/** Each page's question some times, not in step with how long its answer is kept. */
async function slowestAnswer(
  pipeline: Pipeline,
  rounds: number,
): Promise<{ path: string; ms: number; all: Record<string, number[]> }> {
  const all: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round += 1)
    for (const path of PAGES) {
      await new Promise((next) => setTimeout(next, 173));
      const from = performance.now();
      const answer = await fetch(`${pipeline.ingress}${path}`, {
        headers: { authorization: `Bearer ${pipeline.adminToken}` },
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
      (all[path] ??= []).push(performance.now() - from);
    }
  const [path = '', times = []] =
    Object.entries(all).toSorted(([, a], [, b]) => Math.max(...b) - Math.max(...a))[0] ?? [];
  return { path, ms: Math.max(...times), all };
}

export const consoleViews: Part = {
  name: 'console',
  text: 'the console over a ledger of a million messages',
  run,
};
