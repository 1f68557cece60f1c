import { createPostgresLedger, type DeadLetter } from '@mersal/ledger';
import { letterId } from '@mersal/recovery';
import { withDatabase } from '../connections.js';
import { type DeadChoice, filterOf, notDead, requireSelection } from '../recovery/dead-selection.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import type { Terminal } from '../terminal.js';
import { actor, audit } from './audit.js';
import { databaseNow } from './find.js';
import { everyLetter } from './dead.js';
import { asked, subjectOf } from './dead-redrive.js';

export interface DiscardChoice extends DeadChoice {
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** Dead letters are put away for good: neither listed nor put back any more. Conversations held by them go on. */
export async function deadDiscard(
  env: Environment,
  choice: DiscardChoice,
  world: { readonly terminal: Terminal | undefined },
): Promise<Report> {
  requireSelection(choice);
  return withDatabase(env, async (database) => {
    const ledger = createPostgresLedger(database);
    const { to, ...filter } = await filterOf(database, choice);
    const found: DeadLetter[] = [];
    await everyLetter(
      ledger,
      { ...filter, to: to ?? (await databaseNow(database)) },
      async (page) => void found.push(...page),
    );
    const letters = choice.id ? found.filter((letter) => choice.id?.includes(letterId(letter))) : found;
    const gone = choice.id ? (await notDead(database, choice.id, letters)).length : 0;
    const matched = letters.length + gone;
    if (choice.dryRun === true)
      return report(
        { matched, discarded: letters.length, skipped: gone, dryRun: true },
        `${letters.length} dead letters would be put away`,
      );
    if (letters.length > 0 && choice.yes !== true && world.terminal) {
      const question = `${letters.length} dead letters match. Put them away for good? [y/N] `;
      if (!(await world.terminal.ask(question))) throw new CliError('not_confirmed', 'nothing was put away');
    }
    let discarded = 0;
    const PAGE = 500;
    for (let at = 0; at < letters.length; at += PAGE)
      discarded += await ledger.discardDead(letters.slice(at, at + PAGE));
    await audit(database, 'dead.discard', subjectOf(choice), { ...asked(choice), by: actor(), discarded });
    return report(
      { matched, discarded, skipped: matched - discarded },
      `${discarded} dead letters were put away`,
    );
  });
}
