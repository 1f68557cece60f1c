import type { KafkaConnection } from '@mersal/kafka';
import { createPostgresLedger, type DeadFilter, type Ledger } from '@mersal/ledger';
import { letterId, Pace, redrive, type RedriveParts, type Tally } from '@mersal/recovery';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { type DeadChoice, filterOf, notDead, requireSelection } from '../recovery/dead-selection.js';
import { withKafka } from '../recovery/kafka-stage.js';
import { REFUSALS, refusalText } from '../recovery/refusals.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { progressLine, type Terminal } from '../terminal.js';
import { actor, audit } from './audit.js';
import { databaseNow } from './find.js';
import { everyLetter } from './dead.js';

export interface RedriveChoice extends DeadChoice {
  /** 0 to 10, or `keep`. */
  readonly priority: string;
  /** Messages a second. */
  readonly rate: string;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

export interface RedriveWorld {
  readonly terminal: Terminal | undefined;
  readonly now: () => number;
  /** Runs work that the user may interrupt. */
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** Dead messages are put back: each once, behind what their conversations have now, at a rate that leaves live messages alone. */
export async function deadRedrive(
  env: Environment,
  connection: () => KafkaConnection,
  choice: RedriveChoice,
  world: RedriveWorld,
): Promise<Report> {
  requireSelection(choice);
  const priority = priorityOf(choice.priority);
  const perSecond = rateOf(choice.rate);
  return withDatabase(env, async (database) => {
    const ledger = createPostgresLedger(database);
    // What dies while this runs is not part of it.
    const filter = { to: await databaseNow(database), ...defined(await filterOf(database, choice)) };
    const others = choice.id ? await othersOf(ledger, filter, choice.id, database) : [];
    const order = { by: actor(), priority };
    const planned = withOthers(
      await redrive(partsOf(ledger, filter, world.now), { ...order, dryRun: true }),
      others,
    );
    if (choice.dryRun === true) return told({ ...planned, dryRun: true }, choice);
    if (planned.sent > 0 && choice.yes !== true && world.terminal) {
      const question = `${summary(planned)}\nPut ${planned.sent} messages back? [y/N] `;
      if (!(await world.terminal.ask(question))) throw new CliError('not_confirmed', 'nothing was put back');
    }
    const done = await withKafka(env, database, connection(), async (stage) => {
      await audit(database, 'dead.redrive', subjectOf(choice), { ...asked(choice), planned: planned.sent });
      const { publisher, topics, partitions } = stage;
      return world
        .interruptible((signal) =>
          redrive(
            {
              ...partsOf(ledger, filter, world.now),
              publish: (records) => publisher.publish(records),
              pace: new Pace({ perSecond, signal }),
              to: { topic: topics.retry, partitions, source: 'cli' },
              onProgress: ({ sent }) =>
                world.terminal?.progress(progressLine(sent, planned.sent, 'messages put back')),
            },
            order,
          ),
        )
        .finally(() => world.terminal?.progress(''));
    });
    const tally = withOthers(done, others);
    await audit(database, 'dead.redriven', subjectOf(choice), { ...tally });
    return told(tally, choice);
  });
}

function partsOf(
  ledger: Ledger,
  filter: DeadFilter,
  wallClock: () => number,
): RedriveParts<{ readonly at: number; readonly u: string }> {
  return {
    list: (after, most) => ledger.listDead(filter, { most, order: 'oldest', after }),
    publish: () => Promise.reject(new Error('a dry run publishes nothing')),
    pace: { slice: 1_000, take: () => Promise.resolve() },
    to: { topic: '', partitions: 1, source: 'cli' },
    wallClock,
  };
}

async function othersOf(
  ledger: Ledger,
  filter: DeadFilter,
  ids: readonly string[],
  database: Parameters<typeof notDead>[0],
): Promise<string[]> {
  const found: { u: string; tag: string | null }[] = [];
  await everyLetter(ledger, filter, async (page) => void found.push(...page));
  const wrong = found.filter((letter) => !ids.includes(letterId(letter)));
  if (wrong.length > 0) throw new CliError('message_unknown', 'the ledger has no such message');
  return notDead(database, ids, found);
}

function withOthers({ matched, sent, skipped, reasons }: Tally, others: readonly string[]): Tally {
  if (others.length === 0) return { matched, sent, skipped, reasons };
  return {
    matched: matched + others.length,
    sent,
    skipped: skipped + others.length,
    reasons: { ...reasons, not_dead: others.length },
  };
}

/** Named ones that never can be put back are worth a look; those that were put back before are not. */
function told(tally: Tally & { readonly dryRun?: boolean }, choice: RedriveChoice): Report {
  const refused = choice.id !== undefined && Object.keys(tally.reasons).some((reason) => reason in REFUSALS);
  return report(tally, summary(tally), refused ? EXIT.attention : EXIT.ok);
}

function summary(tally: Tally & { readonly dryRun?: boolean }): string {
  const rows = [
    ['matched', tally.matched],
    [tally.dryRun ? 'would be put back' : 'put back', tally.sent],
    ['skipped', tally.skipped],
  ];
  const why = Object.entries(tally.reasons).map(([reason, n]) => `${n} skipped: ${refusalText(reason)}`);
  return [table(['dead letters', ''], rows), ...why].join('\n');
}

export function subjectOf(choice: DeadChoice): string {
  const what = choice.id ? choice.id.join(',') : choice.code ? `code ${choice.code}` : 'all';
  const subject = choice.restaurant === undefined ? what : `${choice.restaurant}/${what}`;
  return subject.slice(0, 500);
}

export function asked({ all, code, restaurant, from, to }: DeadChoice): Record<string, unknown> {
  return defined({ all, code, restaurant, from, to });
}

function defined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}

function priorityOf(text: string): number | undefined {
  if (text === 'keep') return undefined;
  const priority = Number(text);
  if (!Number.isInteger(priority) || priority < 0 || priority > 10)
    throw new CliError('priority_invalid', '--priority is 0 to 10, or keep', EXIT.usage);
  return priority;
}

export function rateOf(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= 10_000))
    throw new CliError('rate_invalid', '--rate is a number above 0 and at most 10,000 a second', EXIT.usage);
  return rate;
}
