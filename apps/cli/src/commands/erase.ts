import { joinMessageId } from '@mersal/contracts';
import { erase, type ErasureTally, recipientOf, standsStill } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import type { Terminal } from '../terminal.js';
import { actor } from './audit.js';
import { findTenant } from './find.js';

export interface EraseChoice {
  readonly restaurant: string;
  /** `+…`; undefined: all that the restaurant sent. */
  readonly recipient?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

export interface EraseWorld {
  readonly terminal: Terminal | undefined;
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** Takes a recipient's data, or a restaurant's, out of the ledger. Counts first; without `--yes` it asks, or only counts. */
export async function eraseData(env: Environment, choice: EraseChoice, world: EraseWorld): Promise<Report> {
  const { restaurant, recipient } = choice;
  if (recipient !== undefined && !/^\+[1-9]\d{6,14}$/.test(recipient))
    throw new CliError(
      'recipient_invalid',
      '--recipient is a number in full: + and 7 to 15 digits',
      EXIT.usage,
    );
  return withDatabase(env, (database) =>
    world.interruptible(async (signal) => {
      const tenant = await findTenant(database, restaurant);
      const scope = {
        tenant,
        restaurantId: restaurant,
        recipient: recipient === undefined ? null : recipientOf(`whatsapp:${recipient}`),
      };
      const counted = await erase(database, scope, { dryRun: true, by: actor(), signal });
      if (choice.dryRun === true) return told(counted, true);
      if (recipient === undefined && !(await standsStill(database, tenant)))
        throw new CliError(
          'restaurant_active',
          `${restaurant} is sending: pause it first (mersal queue pause --restaurant ${restaurant} --reason …)`,
        );
      if (choice.yes !== true) {
        const whose = recipient === undefined ? `all messages of ${restaurant}` : 'them';
        const question = `${summary(counted, true)}\nErase ${whose} for good? [y/N] `;
        if (!world.terminal || !(await world.terminal.ask(question)))
          throw new CliError('not_confirmed', 'nothing was erased: say --yes', EXIT.usage);
      }
      const done = await erase(database, scope, {
        dryRun: false,
        by: actor(),
        signal,
        onProgress: ({ erased, read }) =>
          world.terminal?.progress(`${read} messages of ${restaurant} read, ${erased} erased`),
      }).finally(() => world.terminal?.progress(''));
      return told(done, false);
    }),
  );
}

function told(tally: ErasureTally, dryRun: boolean): Report {
  const { erased, left, examples } = tally;
  const unfinished = examples.map(({ u, tag }) => joinMessageId(u, tag));
  return report(
    { erased, left, unfinished, dryRun },
    [summary(tally, dryRun), ...unfinished.map((id) => `  ${id}`)].join('\n'),
    left > 0 ? EXIT.attention : EXIT.ok,
  );
}

function summary({ erased, left }: ErasureTally, dryRun: boolean): string {
  return table(
    ['messages', ''],
    [
      [dryRun ? 'would be erased' : 'erased', erased],
      ['left: cancel them or let them end, then run it again', left],
    ],
  );
}
