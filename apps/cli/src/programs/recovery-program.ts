import type { KafkaConnection } from '@mersal/kafka';
import type { Command } from 'commander';
import { deadGroups, deadList, deadShow } from '../commands/dead.js';
import { deadDiscard, type DiscardChoice } from '../commands/dead-discard.js';
import { deadRedrive, type RedriveChoice } from '../commands/dead-redrive.js';
import { type ReplayChoice, replayList, replayLog, type ReplayWorld } from '../commands/replay.js';
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

/** `mersal dead` and `mersal replay`. */
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
}
