import { readConfig } from '@mersal/config';
import { type Database, parseCredentialKeys, readTenants, type Tenant } from '@mersal/ledger';
import { TemplateCache } from '@mersal/template-cache';
import { createTwilioGateway, type TwilioGateway } from '@mersal/twilio-gateway';
import type { Logger } from '@mersal/telemetry';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

export interface WarmChoice {
  readonly key: readonly string[];
  /** Default: all. */
  readonly restaurant?: readonly string[];
}

interface WarmedTemplate {
  readonly restaurantId: string;
  readonly key: string;
  readonly sid: string | null;
  readonly reason: string | null;
}

const MOST_SOCKETS = 20;
const MOST_LOOK_UPS = 50_000;

/**
 * Looks templates up at the provider by their names and stores their SIDs, so that the first message finds them. Nothing is created.
 * Exits 3 where one was not found.
 */
export async function cacheWarm(
  env: Environment,
  logger: Logger,
  choice: WarmChoice,
  tell: (progress: string) => void,
): Promise<Report> {
  const config = readConfig(env, [
    'CREDENTIALS_KEY',
    'CREDENTIALS_KEYS_OLD',
    'TWILIO_TIMEOUT_MS',
    'TWILIO_API_BASE_URL',
  ]);
  const tenants = await withDatabase(env, (database) =>
    chosen(database, parseCredentialKeys(config.CREDENTIALS_KEY, config.CREDENTIALS_KEYS_OLD), choice),
  );
  const wanted = tenants.flatMap((tenant) => choice.key.map((key) => ({ tenant, key })));
  if (wanted.length > MOST_LOOK_UPS)
    throw new CliError('too_many', `more than ${MOST_LOOK_UPS} templates: name restaurants`, EXIT.usage);
  const gateway = createTwilioGateway({
    timeoutMs: config.TWILIO_TIMEOUT_MS,
    maxSockets: MOST_SOCKETS,
    ...(config.TWILIO_API_BASE_URL === undefined ? {} : { baseUrl: config.TWILIO_API_BASE_URL }),
  });
  // Without Kafka: a look-up by an operator is no request of a restaurant's.
  const cache = new TemplateCache({ env: { ...env, KAFKA_BROKERS: '' }, logger });
  try {
    const warmed = await cache.warmUp(
      wanted.map(({ tenant, key }) => {
        const look = (): Promise<string> => lookUp(gateway, tenant, key);
        const options = { restaurantId: tenant.restaurantId, accountSid: tenant.accountSid, find: look };
        return { key, creator: look, options };
      }),
      {
        onProgress: ({ done, total, key, reason }) =>
          tell(`${done}/${total} ${key}${reason === undefined ? '' : `: ${reason}`}`),
      },
    );
    return show(
      warmed.map(({ key, sid, error }, n) => ({
        restaurantId: wanted[n]?.tenant.restaurantId ?? '',
        key,
        sid: sid ?? null,
        reason: error instanceof Error ? error.message : error === undefined ? null : 'failed',
      })),
    );
  } finally {
    await cache.close();
    await gateway.close();
  }
}

async function chosen(
  database: Database,
  keys: ReturnType<typeof parseCredentialKeys>,
  { restaurant }: WarmChoice,
): Promise<readonly Tenant[]> {
  const ids =
    restaurant ??
    (
      await database.run({
        name: 'cli-all-restaurants',
        text: 'select restaurant_id from tenant order by restaurant_id',
        values: [],
      })
    ).map((row) => row['restaurant_id'] as string);
  const tenants = await readTenants(database, keys, ids);
  const missing = ids.filter((id) => !tenants.some(({ restaurantId }) => restaurantId === id));
  if (missing.length > 0)
    throw new CliError('tenant_unknown', `there is no restaurant ${missing.join(', ')}`, EXIT.usage);
  const unopened = tenants.filter((tenant) => tenant.unopened).map(({ restaurantId }) => restaurantId);
  if (unopened.length > 0)
    throw new CliError(
      'key_unknown',
      `the credentials of ${unopened.join(', ')} do not open with these keys`,
    );
  return tenants;
}

async function lookUp(gateway: TwilioGateway, tenant: Tenant, name: string): Promise<string> {
  const { accountSid, authToken } = tenant;
  const answer = await gateway.contents.find({ accountSid, authToken }, name);
  if (!answer.ok) throw new Error(answer.outcome.message);
  if (!answer.value) throw new Error('the account has no template of this name');
  return answer.value.sid;
}

function show(warmed: readonly WarmedTemplate[]): Report {
  const missing = warmed.filter(({ sid }) => sid === null).length;
  return report(
    { warmed: warmed.length - missing, missing, templates: warmed },
    table(
      ['restaurant', 'key', 'sid', ''],
      warmed.map((one) => [one.restaurantId, one.key, one.sid, one.reason]),
      'no restaurant yet',
    ),
    missing > 0 ? EXIT.attention : EXIT.ok,
  );
}
