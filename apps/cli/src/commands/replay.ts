import { readConfig } from '@mersal/config';
import { topicNames } from '@mersal/contracts';
import type { KafkaConnection, OffsetRange } from '@mersal/kafka';
import {
  beginReplay,
  createPostgresLedger,
  type Database,
  endReplay,
  listReplays,
  readInstallation,
  readReplay,
  type ReplayHold,
  readTenantNumbers,
  saveReplay,
  takeReplay,
  whileHeld,
} from '@mersal/ledger';
import { logReaders, Pace, replay, type ReplayParts, spanOf, type Tally } from '@mersal/recovery';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { timeOf } from '../recovery/dead-selection.js';
import { withKafka } from '../recovery/kafka-stage.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { progressLine, type Terminal } from '../terminal.js';
import { actor } from './audit.js';
import { rateOf } from './dead-redrive.js';
import { findTenant } from './find.js';

export interface ReplayChoice {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly restaurant?: string | undefined;
  readonly partition?: string | undefined;
  readonly fromOffset?: string | undefined;
  readonly toOffset?: string | undefined;
  readonly rate: string;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  /** The id of one that was interrupted. */
  readonly resume?: string | undefined;
}

export interface ReplayWorld {
  readonly terminal: Terminal | undefined;
  readonly now: () => number;
  readonly writeErr: (text: string) => void;
  /** Runs work that the user may interrupt. */
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

interface Course {
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  readonly restaurantId: string | undefined;
  readonly asked: Readonly<Record<string, unknown>>;
  /** The id of the one that it goes on with. */
  readonly resume?: string;
}

/** Publishes again what the ledger lacks of a part of the log; all else is skipped, with its state. */
export async function replayLog(
  env: Environment,
  connection: () => KafkaConnection,
  choice: ReplayChoice,
  world: ReplayWorld,
): Promise<Report> {
  const perSecond = rateOf(choice.rate);
  checkChoice(choice);
  return withDatabase(env, (database) =>
    world.interruptible(async (signal) => {
      const course = choice.resume
        ? await resumedCourse(database, choice.resume)
        : await newCourse(env, database, connection(), choice);
      const parts = readingParts(env, database, connection(), signal, world.now);
      const order = { ranges: course.ranges, restaurantId: course.restaurantId };
      if (choice.dryRun === true) {
        const tally = await replay(
          { ...parts, onProgress: (progress) => show(world, progress) },
          { ...order, dryRun: true },
        ).finally(() => world.terminal?.progress(''));
        return told({ ...tally, dryRun: true });
      }
      if (choice.yes !== true && world.terminal) {
        const planned = await replay(parts, { ...order, dryRun: true });
        const question = `${summary(planned)}\nPublish ${planned.sent} messages again? [y/N] `;
        if (!(await world.terminal.ask(question)))
          throw new CliError('not_confirmed', 'nothing was published');
      }
      return carryOut(env, database, connection(), course, parts, perSecond, world, signal);
    }),
  );
}

async function carryOut(
  env: Environment,
  database: Database,
  connection: KafkaConnection,
  course: Course,
  parts: ReplayParts,
  perSecond: number,
  world: ReplayWorld,
  signal: AbortSignal,
): Promise<Report> {
  const { hold, ranges, tally: before } = await held(database, course);
  const { id } = hold;
  const onError = (error: unknown): void =>
    world.writeErr(`mersal: replay ${id} may be lost to another process: ${(error as Error).message}\n`);
  try {
    return await whileHeld(database, hold, { onError }, async () => {
      const tally = await withKafka(env, database, connection, ({ publisher }) =>
        replay(
          {
            ...parts,
            publish: (records) => publisher.publish(records),
            pace: new Pace({ perSecond, signal }),
            onProgress: async (progress) => {
              show(world, progress);
              await saveReplay(database, hold, rest(ranges, progress.positions), progress.tally);
            },
          },
          { ranges, restaurantId: course.restaurantId, resumed: before && { tally: before } },
        ),
      );
      await endReplay(database, hold, actor(), tally);
      return told({ ...tally, id });
    });
  } catch (error) {
    world.writeErr(`mersal: replay ${id} did not end; it goes on with: mersal replay --resume ${id}\n`);
    throw error;
  } finally {
    world.terminal?.progress('');
  }
}

/** In this process's hands. What is left of one that was interrupted may have changed since it was looked at. */
async function held(
  database: Database,
  { asked, ranges, restaurantId, resume }: Course,
): Promise<{
  readonly hold: ReplayHold;
  readonly ranges: Course['ranges'];
  readonly tally: Tally | undefined;
}> {
  if (resume === undefined) {
    const given = { actor: actor(), asked, restaurantId: restaurantId ?? null, ranges };
    return { hold: await beginReplay(database, given), ranges, tally: undefined };
  }
  const taken = await takeReplay(database, resume, actor());
  if (!taken) throw running();
  return { hold: taken.hold, ranges: taken.state.ranges, tally: taken.state.tally };
}

function running(): CliError {
  return new CliError('replay_running', 'another process runs that replay: see `mersal replay list`');
}

/** What was replayed, and what was interrupted. */
export async function replayList(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const items = (await listReplays(database, 100)).map((one) => ({
      id: one.id,
      by: one.actor,
      restaurantId: one.restaurantId,
      asked: one.asked,
      ...one.tally,
      begunAt: new Date(one.begunAt).toISOString(),
      endedAt: one.endedAt === null ? null : new Date(one.endedAt).toISOString(),
      running: one.held,
    }));
    return report(
      { items },
      table(
        ['replay', 'begun', 'by', 'restaurant', 'sent', 'skipped', 'ended'],
        items.map((one) => [
          one.id,
          one.begunAt,
          one.by,
          one.restaurantId ?? 'all',
          one.sent,
          one.skipped,
          one.endedAt ?? (one.running ? 'running' : 'not: --resume it'),
        ]),
        'nothing was replayed yet',
      ),
    );
  });
}

function readingParts(
  env: Environment,
  database: Database,
  connection: KafkaConnection,
  signal: AbortSignal,
  wallClock: () => number,
): ReplayParts {
  const ledger = createPostgresLedger(database);
  return {
    ...logReaders({ connection, topics: topicsOf(env), signal }),
    wallClock,
    tenants: (restaurantIds) => readTenantNumbers(database, restaurantIds),
    statesOf: (keys) => ledger.statesOf(keys),
    publish: () => Promise.reject(new Error('a dry run publishes nothing')),
    pace: { slice: 1_000, take: () => Promise.resolve() },
  };
}

/** The span is fixed before anything is read: what comes to the log from now on is not part of it. */
async function newCourse(
  env: Environment,
  database: Database,
  connection: KafkaConnection,
  choice: ReplayChoice,
): Promise<Course> {
  const config = readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']);
  const { partitions: count } = await readInstallation(database, config.WHATSAPP_SEND_QUEUE_NAME);
  if (choice.restaurant !== undefined) await findTenant(database, choice.restaurant);
  const { from, to, restaurant, partition, fromOffset, toOffset } = choice;
  if (partition !== undefined && Number(partition) >= count)
    throw new CliError('partition_unknown', `there is no partition ${partition}`, EXIT.usage);
  const all = Array.from({ length: count }, (_, number) => number);
  const ranges = await spanOf(connection, topicsOf(env).send, {
    partitions: partition === undefined ? all : [Number(partition)],
    from: timeOf('--from', from),
    to: timeOf('--to', to),
    fromOffset: fromOffset === undefined ? undefined : BigInt(fromOffset),
    toOffset: toOffset === undefined ? undefined : BigInt(toOffset),
  });
  return {
    ranges,
    restaurantId: restaurant,
    asked: { from, to, restaurant, partition, fromOffset, toOffset },
  };
}

async function resumedCourse(database: Database, id: string): Promise<Course> {
  if (!/^[0-9a-f-]{36}$/.test(id))
    throw new CliError('id_invalid', 'that is not the id of a replay', EXIT.usage);
  const state = await readReplay(database, id);
  if (!state) throw new CliError('replay_unknown', 'there is no such replay: see `mersal replay list`');
  if (state.endedAt !== null) throw new CliError('replay_ended', 'that replay has ended');
  if (state.held) throw running();
  return {
    ranges: state.ranges,
    restaurantId: state.restaurantId ?? undefined,
    asked: state.asked,
    resume: id,
  };
}

function checkChoice(choice: ReplayChoice): void {
  const given = choice.resume ?? choice.from ?? choice.fromOffset;
  if (given === undefined)
    throw new CliError('start_missing', 'say where to begin: --from, --from-offset or --resume', EXIT.usage);
  timeOf('--from', choice.from);
  timeOf('--to', choice.to);
  const offsets = [choice.fromOffset, choice.toOffset, choice.partition].filter((text) => text !== undefined);
  for (const text of offsets) {
    if (!/^\d{1,18}$/.test(text))
      throw new CliError('offset_invalid', 'partitions and offsets are whole numbers', EXIT.usage);
  }
  if ((choice.fromOffset ?? choice.toOffset) !== undefined && choice.partition === undefined)
    throw new CliError(
      'partition_missing',
      'an offset is one partition’s: name it with --partition',
      EXIT.usage,
    );
}

function topicsOf(env: Environment) {
  return topicNames(readConfig(env, ['WHATSAPP_SEND_QUEUE_NAME']).WHATSAPP_SEND_QUEUE_NAME);
}

function rest(
  ranges: ReadonlyMap<number, OffsetRange>,
  positions: ReadonlyMap<number, bigint>,
): Map<number, OffsetRange> {
  return new Map(
    [...ranges].map(([partition, { from, to }]) => [
      partition,
      { from: positions.get(partition) ?? from, to },
    ]),
  );
}

function show(
  world: ReplayWorld,
  progress: { readonly read: bigint; readonly total: bigint; readonly tally: Tally },
) {
  const { read, total, tally } = progress;
  world.terminal?.progress(progressLine(Number(read), Number(total), `records, ${tally.sent} published`));
}

function told(tally: Tally & { readonly dryRun?: boolean; readonly id?: string }): Report {
  return report(tally, summary(tally));
}

function summary(tally: Tally & { readonly dryRun?: boolean }): string {
  return table(
    ['messages of the log', ''],
    [
      ['matched', tally.matched],
      [tally.dryRun ? 'would be published again' : 'published again', tally.sent],
      ['skipped', tally.skipped],
      ...Object.entries(tally.reasons).map(([reason, n]) => [`  ${reason}`, n]),
    ],
  );
}
