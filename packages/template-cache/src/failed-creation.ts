import { TemplateCacheError } from './template-cache-error.js';

/** What the error of a creator or a finder may carry besides its message. */
export interface CreatorFault {
  /** The account is at fault, e.g. its credentials are refused: no miss of the cache. `status: 401`, as Twilio's SDK has it, says so too. */
  readonly accountFault?: boolean;
  /** What other processes are told while the creation is not tried again: something that JSON holds, and no secret. */
  readonly shared?: unknown;
}

const LONGEST_MESSAGE = 500;
const LONGEST_SHARED = 8_000;

/** A creation that failed a moment ago. */
export interface FailedCreation {
  readonly error: unknown;
}

/** The error of a creator in another process, as far as it is told here. */
class FailedElsewhere extends Error implements CreatorFault {
  readonly accountFault: boolean;
  readonly shared: unknown;
  constructor(message: string, accountFault: boolean, shared: unknown) {
    super(message);
    this.name = 'FailedElsewhere';
    this.accountFault = accountFault;
    this.shared = shared;
  }
}

export function isAccountFault(error: unknown): boolean {
  if (error instanceof TemplateCacheError) return isAccountFault(error.cause);
  if (typeof error !== 'object' || error === null) return false;
  const { accountFault, status } = error as { readonly accountFault?: unknown; readonly status?: unknown };
  return accountFault === true || status === 401;
}

/** As other processes read it. */
export function toShared(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_MESSAGE);
  const told = { message, accountFault: isAccountFault(error) };
  try {
    const { shared } = error as CreatorFault;
    const text = JSON.stringify({ ...told, shared });
    if (text.length <= LONGEST_SHARED) return text;
  } catch {
    // Without what JSON does not hold.
  }
  return JSON.stringify(told);
}

export function fromShared(text: string): FailedCreation {
  try {
    const { message, accountFault, shared } = JSON.parse(text) as Record<string, unknown>;
    return { error: new FailedElsewhere(String(message), accountFault === true, shared) };
  } catch {
    return { error: new FailedElsewhere('it failed in another process', false, undefined) };
  }
}
