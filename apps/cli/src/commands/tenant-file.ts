import { apiKeyId } from '@mersal/ledger';
import { EXIT } from '../exit-codes.js';
import { CliError } from '../report.js';

/** A restaurant as an operator names it. */
export interface TenantInput {
  readonly restaurantId: string;
  readonly name: string;
  readonly accountSid: string;
  readonly authToken: string;
  /** `whatsapp:+…`, the first is the default. */
  readonly fromNumbers: readonly string[];
}

export interface SeedTenant extends TenantInput {
  readonly apiKey: string;
}

const MOST_TENANTS = 100_000;

/** Reads the restaurants of a seed file. Throws CliError with every fault and where it is, never with a value. */
export function parseTenantFile(json: string): SeedTenant[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw invalid(['it is not JSON']);
  }
  if (!Array.isArray(parsed)) throw invalid(['it is not a JSON array of restaurants']);
  if (parsed.length > MOST_TENANTS) throw invalid([`it has more than ${MOST_TENANTS} restaurants`]);
  const faults: string[] = [];
  const seen = new Set<string>();
  const tenants = parsed.map((entry: unknown, n) => {
    const value = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
    const tenant = {
      restaurantId: stringOf(value['restaurantId']),
      name: stringOf(value['name']) || stringOf(value['restaurantId']),
      accountSid: stringOf(value['accountSid']),
      authToken: stringOf(value['authToken']),
      fromNumbers: Array.isArray(value['fromNumbers']) ? value['fromNumbers'].map(stringOf) : [],
      apiKey: stringOf(value['apiKey']),
    };
    faults.push(...tenantFaults(tenant).map((fault) => `[${n}]: ${fault}`));
    if (apiKeyId(tenant.apiKey) === undefined)
      faults.push(`[${n}]: apiKey is not of the form mk_<id>_<secret>`);
    if (seen.has(tenant.restaurantId)) faults.push(`[${n}]: restaurantId is there twice`);
    seen.add(tenant.restaurantId);
    return tenant;
  });
  if (faults.length > 0) throw invalid(faults);
  return tenants;
}

/** What is wrong with a restaurant; empty when nothing is. */
export function tenantFaults(tenant: TenantInput): string[] {
  const faults: string[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(tenant.restaurantId))
    faults.push('restaurantId must be 1 to 64 letters, digits, dots, colons, dashes or underscores');
  if (tenant.name.length > 200) faults.push('name is longer than 200 characters');
  if (!/^AC[0-9a-fA-F]{32}$/.test(tenant.accountSid)) faults.push('accountSid must be AC and 32 hex digits');
  if (tenant.authToken === '') faults.push('authToken is empty');
  if (tenant.fromNumbers.length === 0) faults.push('fromNumbers has no number');
  if (tenant.fromNumbers.some((number) => !/^whatsapp:\+[1-9][0-9]{6,14}$/.test(number)))
    faults.push('every number of fromNumbers must be whatsapp:+ and 7 to 15 digits');
  return faults;
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function invalid(faults: readonly string[]): CliError {
  const shown = faults.slice(0, 20).map((fault) => `  - ${fault}`);
  const more = faults.length > 20 ? [`  … and ${faults.length - 20} more`] : [];
  return new CliError(
    'tenant_file_invalid',
    `the file of restaurants is not valid:\n${[...shown, ...more].join('\n')}`,
    EXIT.usage,
  );
}
