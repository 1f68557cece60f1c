import { changeTenantLimits, readTenantView, type TenantLimits, type TenantView } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor } from './audit.js';

/** As they are typed; what is not given stays as it is. */
export interface LimitsChoice {
  readonly concurrency?: string;
  readonly rate?: string;
  readonly onDead?: string;
  readonly onUnknown?: string;
}

const MOST_CONCURRENCY = 1_000;
const LEAST_RATE = 0.001;
const MOST_RATE = 1_000;

/** Changes what is given, on all senders within seconds; shows what holds from now on. */
export async function tenantsLimits(
  env: Environment,
  restaurantId: string,
  choice: LimitsChoice,
): Promise<Report> {
  const change = limitsOf(choice);
  return withDatabase(env, async (database) => {
    const view =
      Object.keys(change).length === 0
        ? await readTenantView(database, restaurantId)
        : await changeTenantLimits(database, restaurantId, change, actor());
    if (!view) throw new CliError('restaurant_unknown', `there is no restaurant ${restaurantId}`);
    return shown(view);
  });
}

function shown({ restaurantId, concurrency, ratePerSecond, onDead, onUnknown }: TenantView): Report {
  return report(
    { restaurantId, concurrency, ratePerSecond, onDead, onUnknown },
    table(
      ['limit', restaurantId],
      [
        ['requests under way, at most', concurrency ?? 'default'],
        ['messages a second, at most', ratePerSecond ?? 'default'],
        ['behind a dead message', onDead],
        ['an unknown outcome', onUnknown],
      ],
    ),
  );
}

function limitsOf({ concurrency, rate, onDead, onUnknown }: LimitsChoice): TenantLimits {
  return {
    ...(concurrency === undefined ? {} : { concurrency: concurrencyOf(concurrency) }),
    ...(rate === undefined ? {} : { ratePerSecond: rateOf(rate) }),
    ...(onDead === undefined ? {} : { onDead: oneOf('on-dead', ['skip', 'hold'], onDead) }),
    ...(onUnknown === undefined ? {} : { onUnknown: oneOf('on-unknown', ['wait', 'resend'], onUnknown) }),
  };
}

function concurrencyOf(text: string): number | null {
  if (text === 'default') return null;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 1 && number <= MOST_CONCURRENCY) return number;
  throw wrong(`--concurrency is a whole number from 1 to ${MOST_CONCURRENCY}, or default`);
}

function rateOf(text: string): number | null {
  if (text === 'default') return null;
  const number = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= LEAST_RATE && number <= MOST_RATE) return number;
  throw wrong(`--rate is a number from ${LEAST_RATE} to ${MOST_RATE} a second, or default`);
}

function oneOf<const T extends string>(option: string, choices: readonly T[], text: string): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw wrong(`--${option} is ${choices.join(' or ')}`);
}

function wrong(message: string): CliError {
  return new CliError('limit_invalid', message, EXIT.usage);
}
