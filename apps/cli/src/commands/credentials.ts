import { readConfig } from '@mersal/config';
import {
  CredentialError,
  type CredentialKeys,
  parseCredentialKeys,
  readKeyUses,
  rotateCredentials,
} from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { type Terminal, progressLine } from '../terminal.js';
import { actor } from './audit.js';

const BATCH = 100;

/** CREDENTIALS_KEY and CREDENTIALS_KEYS_OLD. Throws CliError where they are no keys. */
export function credentialKeys(env: Environment): CredentialKeys {
  const config = readConfig(env, ['CREDENTIALS_KEY', 'CREDENTIALS_KEYS_OLD']);
  try {
    return parseCredentialKeys(config.CREDENTIALS_KEY, config.CREDENTIALS_KEYS_OLD);
  } catch (error) {
    if (error instanceof CredentialError) throw new CliError(error.code, error.message, EXIT.usage);
    throw error;
  }
}

/** Which keys are in use. Exits 3 while one of them is not CREDENTIALS_KEY. */
export async function credentialsStatus(env: Environment): Promise<Report> {
  const keys = credentialKeys(env);
  const uses = await withDatabase(env, readKeyUses);
  const shown = uses.map(({ keyId, accounts }) => ({
    keyId,
    accounts,
    state: keyId === keys.current ? 'current' : keys.keys.has(keyId) ? 'old' : 'unknown',
  }));
  return report(
    { current: keys.current, keys: shown },
    table(
      ['key', 'accounts', 'state'],
      shown.map((one) => [one.keyId, one.accounts, one.state]),
      'no account is stored',
    ),
    shown.some((one) => one.state !== 'current') ? EXIT.attention : EXIT.ok,
  );
}

/**
 * Encrypts with CREDENTIALS_KEY whatever another key encrypted, a batch a transaction. Interrupted, it goes on where it was when it is
 * run again: what is done is done.
 */
export async function credentialsRotate(
  env: Environment,
  signal: AbortSignal,
  terminal: Terminal | undefined,
): Promise<Report> {
  const keys = credentialKeys(env);
  return withDatabase(env, async (database) => {
    const uses = await readKeyUses(database);
    const unknown = uses.filter(({ keyId }) => !keys.keys.has(keyId)).map(({ keyId }) => keyId);
    if (unknown.length > 0)
      throw new CliError(
        'key_unknown',
        `accounts are encrypted with ${unknown.join(', ')}: put it into CREDENTIALS_KEYS_OLD`,
      );
    const total = uses.reduce((sum, use) => sum + (use.keyId === keys.current ? 0 : use.accounts), 0);
    let rotated = 0;
    try {
      for (let batch = -1; batch !== 0; rotated += batch) {
        signal.throwIfAborted();
        batch = await rotateCredentials(database, keys, BATCH, actor());
        terminal?.progress(progressLine(rotated + batch, total, 'accounts'));
      }
    } finally {
      terminal?.progress('');
    }
    return report(
      { current: keys.current, rotated },
      rotated === 0
        ? `every account is encrypted with ${keys.current}`
        : `${rotated} accounts encrypted anew with ${keys.current}`,
    );
  });
}
