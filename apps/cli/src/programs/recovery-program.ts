import type { KafkaConnection } from '@mersal/kafka';
import type { Command } from 'commander';
import { deadGroups, deadList, deadShow } from '../commands/dead.js';
import { deadDiscard, type DiscardChoice } from '../commands/dead-discard.js';
import { deadRedrive, type RedriveChoice } from '../commands/dead-redrive.js';
import { type EraseChoice, eraseData } from '../commands/erase.js';
import { type ReplayChoice, replayList, replayLog, type ReplayWorld } from '../commands/replay.js';
import { restoreBegin, restoreFinish } from '../commands/restore.js';
import { restoreReview } from '../commands/restore-review.js';
import type { DeadChoice } from '../recovery/dead-selection.js';
import type { Report } from '../report.js';
import type { Environment } from '../settings.js';

export interface RecoveryProgram extends ReplayWorld {
  readonly env: () => Environment;
  readonly kafka: () => KafkaConnection;
  readonly show: (answer: Report) => void;
}

/** Messages published a second: 10,000 take 50 s. */
const RATE = '200';

/** `mersal dead`, `mersal replay`, `mersal erase` and `mersal restore`. */
export function addRecovery(program: Command, world: RecoveryProgram): void {
  const { env, kafka, show } = world;
  const dead = program.command('dead').description('messages given up, and records that became none');
  const filtered = (command: Command): Command =>
    command
      .option('--code <code>', "the provider's code, a reason or a class of error")
      .option('--restaurant <restaurant>', "one restaurant's only")
      .option('--from <time>', 'given up since, ISO 8601')
      .option('--to <time>', 'given up before');
  const selected = (command: Command): Command =>
    filtered(command)
      .option('--all', 'all that are listed')
      .option('--id <id...>', 'these')
      .option('--dry-run', 'only count')
      .option('--yes', 'do not ask');

  filtered(dead.command('list'))
    .description('all of them, newest first')
    .option('--limit <n>', 'so many', Number)
    .option('--after <place>', 'go on where `next` of a page says')
    .action(async (given: DeadChoice & { limit?: number; after?: string }) =>
      show(await deadList(env(), given)),
    );
  filtered(dead.command('groups'))
    .description('how many, by restaurant, reason and code')
    .action(async (given: DeadChoice) => show(await deadGroups(env(), given)));
  dead
    .command('show')
    .description('one with its story; never its text')
    .argument('<id>')
    .action(async (id: string) => show(await deadShow(env(), id)));
  selected(dead.command('redrive'))
    .description('put messages back, each once; exits 3 when a named one can not be')
    .option('--priority <n>', 'of the messages from now on, 0 to 10 or keep (0: behind live ones)', '0')
    .option('--rate <n>', 'messages a second', RATE)
    .action(async (given: RedriveChoice) => show(await deadRedrive(env(), kafka, given, world)));
  selected(dead.command('discard'))
    .description('put them away for good; conversations that wait behind one go on')
    .action(async (given: DiscardChoice) => show(await deadDiscard(env(), given, world)));

  program
    .command('replay')
    .description('read the log again and publish what the ledger lacks; never what was sent')
    .option('--from <time>', 'accepted since, ISO 8601')
    .option('--to <time>', 'accepted before (default: now)')
    .option('--restaurant <restaurant>', "one restaurant's only")
    .option('--partition <n>', 'one partition only')
    .option('--from-offset <n>', 'of that partition')
    .option('--to-offset <n>', 'before this one')
    .option('--rate <n>', 'messages a second', RATE)
    .option('--dry-run', 'only count, by what the ledger knows of them')
    .option('--yes', 'do not ask')
    .option('--resume <id>', 'go on with one that was interrupted')
    .action(async (given: ReplayChoice) => show(await replayLog(env(), kafka, given, world)))
    .command('list')
    .description('what was replayed, and what was interrupted')
    .action(async () => show(await replayList(env())));

  program
    .command('erase')
    .description(
      'erase what a restaurant sent to one recipient, or all of it; exits 3 when messages have to end first',
    )
    .requiredOption('--restaurant <restaurant>', 'whose messages')
    .option('--recipient <number>', 'to this number, +… (default: to all; it has to be paused or suspended)')
    .option('--dry-run', 'only count')
    .option('--yes', 'do not ask')
    .action(async (given: EraseChoice) => show(await eraseData(env(), given, world)));

  const restore = program.command('restore').description('a ledger that came back from a backup');
  restore
    .command('begin')
    .description('before any service is started on it: a new incarnation, everything is paused')
    .action(async () => show(await restoreBegin(env())));
  restore
    .command('finish')
    .description(
      'with the senders running: outcomes are told from the log, what is in doubt is asked of the provider, sending goes on',
    )
    .option('--wait <seconds>', 'for the senders to file what the log has', '600')
    .action(async (given: { wait: string }) => show(await restoreFinish(env(), kafka(), given, world)));
  restore
    .command('review')
    .description(
      'what is in force on it: keys, pauses, suspensions, opt-outs; what was decided since the backup is not',
    )
    .action(async () => show(await restoreReview(env())));
}
