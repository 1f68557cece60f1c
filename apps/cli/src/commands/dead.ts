import { createPostgresLedger, type DeadLetter, type DeadPlace, type Ledger } from '@mersal/ledger';
import { letterId, shownLetter } from '@mersal/recovery';
import { withDatabase } from '../connections.js';
import { type DeadChoice, filterOf } from '../recovery/dead-selection.js';
import { refusalText } from '../recovery/refusals.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { queueMessage } from './queue.js';

const PAGE = 1_000;

/** All dead letters, newest first; with `limit` that many, and `next` says where to go on. */
export async function deadList(
  env: Environment,
  choice: DeadChoice & { readonly limit?: number | undefined; readonly after?: string | undefined },
): Promise<Report> {
  return withDatabase(env, async (database) => {
    const ledger = createPostgresLedger(database);
    const filter = await filterOf(database, choice);
    const letters: DeadLetter[] = [];
    const most = choice.limit ?? Number.POSITIVE_INFINITY;
    let after = choice.after === undefined ? undefined : decodePlace(choice.after);
    let more = true;
    while (more && letters.length < most) {
      const asked = Math.min(PAGE, most - letters.length);
      const page = await ledger.listDead(filter, { most: asked, order: 'newest', after });
      letters.push(...page);
      after = page.at(-1)?.place ?? after;
      more = page.length === asked;
    }
    const next = more && after ? encodePlace(after) : null;
    const items = letters.map(shownLetter);
    const text = table(
      ['dead letter', 'restaurant', 'reason', 'code', 'attempts', 'given up', 'redrive'],
      items.map((one) => [
        one.id,
        one.restaurantId,
        one.reason,
        one.code ?? one.class,
        one.attempts,
        one.deadAt,
        one.refusal === null ? 'possible' : `no: ${one.refusal}`,
      ]),
      'no dead letters',
    );
    return report({ items, next }, next === null ? text : `${text}\nmore with --after ${next}`);
  });
}

/** How many there are, by restaurant, reason and code. */
export async function deadGroups(env: Environment, choice: DeadChoice): Promise<Report> {
  return withDatabase(env, async (database) => {
    const groups = await createPostgresLedger(database).countDead(await filterOf(database, choice));
    const items = groups.map(({ errorClass, errorCode, oldestAt, newestAt, ...group }) => ({
      ...group,
      class: errorClass,
      code: errorCode,
      oldestAt: new Date(oldestAt).toISOString(),
      newestAt: new Date(newestAt).toISOString(),
    }));
    return report(
      { items },
      table(
        ['letters', 'restaurant', 'reason', 'class', 'code', 'oldest', 'newest'],
        items.map((one) => [
          one.letters,
          one.restaurantId,
          one.reason,
          one.class,
          one.code,
          one.oldestAt,
          one.newestAt,
        ]),
        'no dead letters',
      ),
    );
  });
}

/** One dead letter: a message with its story, or a record with the place where it stood. */
export async function deadShow(env: Environment, id: string): Promise<Report> {
  const letter = await withDatabase(env, async (database) => {
    const found = await createPostgresLedger(database).listDead(await filterOf(database, { id: [id] }), {
      most: 10,
      order: 'newest',
    });
    return found.find((one) => letterId(one) === id);
  });
  if (!letter) throw new CliError('letter_unknown', `there is no dead letter ${id}`);
  const item = shownLetter(letter);
  const facts = table(
    ['dead letter', item.id],
    [
      ['restaurant', item.restaurantId],
      ['reason', item.reason],
      ['code', item.code],
      ['class', item.class],
      ['given up', item.deadAt],
      ['redrive', item.refusal === null ? 'possible' : `no: ${refusalText(item.refusal)}`],
      ...(item.record
        ? [
            ['event', item.record.event],
            ['stood in', `${item.record.topic}, partition ${item.record.partition}, ${item.record.offset}`],
            ['bytes', item.record.bytes],
          ]
        : []),
    ],
  );
  if (letter.kind === 'record') return report(item, facts);
  const story = await queueMessage(env, id);
  return report({ ...item, message: story.json }, `${facts}\n\n${story.text}`);
}

/** All letters, oldest first, as pages. */
export async function everyLetter(
  ledger: Pick<Ledger, 'listDead'>,
  filter: Parameters<Ledger['listDead']>[0],
  take: (page: readonly DeadLetter[]) => Promise<void>,
): Promise<void> {
  let after: DeadPlace | undefined;
  for (;;) {
    const page = await ledger.listDead(filter, { most: PAGE, order: 'oldest', after });
    await take(page);
    after = page.at(-1)?.place;
    if (page.length < PAGE) return;
  }
}

function encodePlace({ at, u }: DeadPlace): string {
  return Buffer.from(`${at}.${u}`).toString('base64url');
}

function decodePlace(text: string): DeadPlace {
  const [, at, u] =
    /^(\d{1,16})\.([0-9a-f]{32})$/.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (at === undefined || u === undefined)
    throw new CliError('after_invalid', '--after is what `next` of the page before says', 2);
  return { at: Number(at), u };
}
