import type { Pipeline } from '@mersal/testkit';
import { waitFor } from '@mersal/testkit';
import type { BrowserContext } from 'playwright-core';
import { call, post, settled } from '../test/api.js';

const WIDTHS = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const PATIENCE = { timeout: 20_000 };

/** Everything that is not as it should be; pictures of every page go to a directory. */
export async function lookAround(
  browser: BrowserContext,
  pipeline: Pipeline,
  pictures: string,
): Promise<string[]> {
  const faults: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) faults.push(what);
  };
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(PATIENCE.timeout);
  page.on('console', (line) => {
    // Looking whether one is signed in, and wrong keys, are answered with 401 and 403, and the browser says so.
    if (line.type() === 'error' && !/status of 40[13]/.test(line.text()))
      faults.push(`the browser says: ${line.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`the page threw: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(pipeline.ingress)) faults.push(`it asks another server: ${request.url()}`);
  });

  const made = await traffic(pipeline);
  const open = (path: string) => page.goto(`${pipeline.ingress}/console/${path}`);
  const show = async (name: string): Promise<void> => {
    for (const [width, size] of Object.entries(WIDTHS)) {
      await page.setViewportSize(size);
      await page.waitForTimeout(150);
      const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth + 1');
      check(wide === false, `${name} is wider than a ${width}`);
      await page.screenshot({ path: `${pictures}/${name}-${width}.png`, fullPage: true });
    }
    await page.setViewportSize(WIDTHS.desk);
  };

  // Signing in: a wrong key, a restaurant's, the admin's; by keyboard.
  await open('');
  for (const key of ['mk_wrong_key', pipeline.tenant('zafran').apiKey]) {
    await page.getByLabel('Admin key').fill(key);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
  }
  await show('login');
  await page.getByLabel('Admin key').fill(pipeline.adminToken);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const cookies = await browser.cookies();
  const session = cookies.find(({ name }) => name === 'mersal_session');
  check(
    session?.httpOnly === true && session.sameSite === 'Strict',
    'the session’s cookie can be read or sent elsewhere',
  );
  check(!(session?.value ?? '').includes(pipeline.adminToken), 'the cookie holds the key');
  check((await page.evaluate('document.cookie')) === '', 'scripts see a cookie');

  await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
  await page.locator('.tile', { hasText: 'Completed' }).filter({ hasText: /[1-9]/ }).waitFor();
  await page.locator('canvas').waitFor();
  // Told every 2 s by the sender that made these calls.
  const answers = page.getByRole('row', { name: /provider’s answer/ });
  await answers.filter({ hasText: /\d ms.*[1-9]/ }).waitFor();
  check(
    /POST to the provider.*\d m?s/.test(
      await page
        .getByRole('row', { name: /POST to the provider/ })
        .innerText()
        .then((text) => text.replaceAll(/\s+/g, ' ')),
    ),
    'how long messages wait is not shown',
  );
  await page.waitForTimeout(3_000);
  await show('overview');

  // A message with Arabic metadata, its story, by its restaurant and status.
  await page.getByRole('link', { name: 'Messages' }).click();
  await page.getByLabel('Restaurant').fill('zafran');
  await page.getByLabel('Status').selectOption('delivered');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('cell', { name: 'delivered' }).first().waitFor();
  await show('messages');
  await open(`#/messages/${made.delivered}?restaurantId=zafran`);
  await page.getByText('accepted').first().waitFor();
  const metadata = page.locator('pre');
  check((await metadata.innerText()).includes('طلب'), 'the metadata is not shown');
  check(
    (await metadata.evaluate((element) => getComputedStyle(element).unicodeBidi)) !== 'normal',
    'the direction of text is not found out',
  );
  await show('message');

  // Dead letters: grouped, put back.
  await page.getByRole('link', { name: /Dead letters/ }).click();
  const group = page.getByRole('row', { name: /burger-lab/ }).first();
  await group.getByRole('button', { name: 'Redrive' }).click();
  await page.getByRole('dialog').waitFor();
  await show('dead');
  await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
  const again = await settled(
    pipeline,
    pipeline.tenant('burger-lab'),
    made.dead,
    ['delivered', 'read'],
    40_000,
  );
  check(again.attempts.length === 2, 'the dead message was not sent once more');

  // A pause, seen and lifted; what is paused is not sent meanwhile.
  await page.getByRole('link', { name: /Trouble/ }).click();
  const form = page.locator('#pause');
  await form.getByLabel('Restaurant').fill('najd-kabsa');
  await form.getByLabel('Why').fill('جرد المطبخ');
  await form.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('cell', { name: 'جرد المطبخ' }).waitFor();
  await show('trouble');
  await page.getByRole('button', { name: 'Lift' }).click();
  await waitFor(
    async () => {
      const { body } = await call(pipeline, pipeline.adminToken, 'GET', '/api/pauses');
      return (body['items'] as unknown[]).length === 0;
    },
    { describe: 'the pause to be lifted' },
  );

  await page.getByRole('link', { name: /Templates/ }).click();
  await page.getByRole('heading', { name: 'Templates' }).waitFor();
  await show('cache');

  // The provider is in trouble, and well again.
  const najd = pipeline.tenant('najd-kabsa');
  await pipeline.simulator.faults({
    rules: [{ match: { account: najd.accountSid }, action: 'error', httpStatus: 503 }],
  });
  for (let n = 0; n < 6; n += 1)
    await post(pipeline, najd, { phoneNumber: `+96650124${String(4000 + n)}`, text: 'كبسة' });
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('cell', { name: 'the provider' }).first().waitFor();
  await page
    .getByRole('row', { name: /AC.*najd-kabsa/ })
    .first()
    .waitFor();
  await show('breakers');
  await pipeline.simulator.clearFaults();
  await page.getByText('None: the provider answers.').waitFor({ timeout: 40_000 });

  await refusesOthers(pipeline, session?.value ?? '', check);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Admin key').waitFor();
  const after = await page.request.get(`${pipeline.ingress}/api/tenants`);
  check(after.status() === 401, 'signing out ends nothing');
  return faults;
}

/** What another site could make a browser send. */
async function refusesOthers(
  pipeline: Pipeline,
  session: string,
  check: (holds: boolean, what: string) => void,
): Promise<void> {
  const answer = await fetch(`${pipeline.ingress}/api/pauses`, {
    method: 'POST',
    headers: { cookie: `mersal_session=${session}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scope: 'all', reason: 'forged' }),
  });
  check(
    answer.status === 401 || answer.status === 403,
    `a forged request was answered with ${answer.status}`,
  );
}

async function traffic(pipeline: Pipeline): Promise<{ readonly delivered: string; readonly dead: string }> {
  const zafran = pipeline.tenant('zafran');
  const burger = pipeline.tenant('burger-lab');
  const ids: string[] = [];
  for (let n = 0; n < 30; n += 1)
    ids.push(
      await post(pipeline, zafran, {
        phoneNumber: `+96650123${String(4000 + n)}`,
        text: `طلبك رقم ${n} جاهز 🥙`,
        metadata: { orderId: `طلب-${n}` },
      }),
    );
  await pipeline.simulator.faults({
    rules: [
      { match: { account: burger.accountSid }, action: 'error', httpStatus: 400, code: 21211, count: 1 },
    ],
  });
  const dead = await post(pipeline, burger, {
    phoneNumber: '+447700900123',
    text: 'Your burger is ready 🍔',
  });
  await settled(pipeline, burger, dead, ['dead']);
  await pipeline.simulator.clearFaults();
  const [delivered = ''] = ids;
  await settled(pipeline, zafran, delivered, ['delivered', 'read']);
  return { delivered, dead };
}
