import type { ProviderAccount, SendOutcome, TwilioGateway } from '@mersal/twilio-gateway';

export type ResolvedTemplate =
  | { readonly ok: true; readonly contentSid: string }
  | { readonly ok: false; readonly outcome: SendOutcome };

export interface NamedTemplate {
  readonly restaurantId: string;
  readonly accountSid: string;
  readonly name: string;
}

/** Remembers SIDs beyond this process: the template cache. */
export interface TemplateStore {
  /** The SID it knows, else what `look` finds, which it keeps. Rejects with what `look` rejects with, or with a trouble of its own. */
  sidOf(template: NamedTemplate, look: () => Promise<string>): Promise<string>;
  /** Forgets the SID, if it still is this one. */
  forget(template: NamedTemplate, contentSid: string): Promise<void>;
}

export interface TemplatesOptions {
  readonly gateway: TwilioGateway;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly store?: TemplateStore;
  /** The store could not do its part; the provider was asked instead. */
  readonly onTrouble?: (error: unknown) => void;
}

const KEEP_MS = 300_000;
const MOST = 10_000;

/**
 * Finds a template's SID by its name at the restaurant's own account, and remembers it: in the store where there is one, else here for
 * a while. The store is a help: where it is away, the provider is asked.
 */
export class Templates {
  readonly #options: TemplatesOptions;
  readonly #known = new Map<string, { readonly contentSid: string; readonly until: number }>();

  constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  async resolve(account: ProviderAccount, restaurantId: string, name: string): Promise<ResolvedTemplate> {
    const { store, onTrouble } = this.#options;
    const key = `${account.accountSid}/${name}`;
    const known = this.#known.get(key);
    if (known && known.until > this.#options.now()) return { ok: true, contentSid: known.contentSid };
    const template = { restaurantId, accountSid: account.accountSid, name };
    try {
      if (!store) return { ok: true, contentSid: this.#keep(key, await this.#look(account, name)) };
      return { ok: true, contentSid: await store.sidOf(template, () => this.#look(account, name)) };
    } catch (error) {
      const failed = lookUpFailure(error);
      if (failed) return { ok: false, outcome: failed.outcome };
      if (!store) throw error;
      onTrouble?.(error);
    }
    try {
      return { ok: true, contentSid: this.#keep(key, await this.#look(account, name)) };
    } catch (error) {
      const failed = lookUpFailure(error);
      if (!failed) throw error;
      return { ok: false, outcome: failed.outcome };
    }
  }

  /** The provider says that this SID is gone: the name is looked up again. Never rejects. */
  async forget(
    account: Pick<ProviderAccount, 'accountSid'>,
    restaurantId: string,
    name: string,
    contentSid: string,
  ): Promise<void> {
    const { store, onTrouble } = this.#options;
    const key = `${account.accountSid}/${name}`;
    if (this.#known.get(key)?.contentSid === contentSid) this.#known.delete(key);
    try {
      await store?.forget({ restaurantId, accountSid: account.accountSid, name }, contentSid);
    } catch (error) {
      onTrouble?.(error);
    }
  }

  async #look(account: ProviderAccount, name: string): Promise<string> {
    const answer = await this.#options.gateway.contents.find(account, name);
    // Nothing was sent yet, whatever went wrong with the look-up.
    if (!answer.ok) throw new LookUpFailed(neverSent(answer.outcome));
    if (!answer.value) throw new LookUpFailed(missing);
    return answer.value.sid;
  }

  #keep(key: string, contentSid: string): string {
    if (this.#known.size >= MOST) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(key, { contentSid, until: this.#options.now() + KEEP_MS });
    return contentSid;
  }
}

/** The provider has no such template, or did not tell. */
class LookUpFailed extends Error {
  readonly outcome: SendOutcome;
  /** What a store may tell other processes. */
  readonly shared: { readonly lookUp: SendOutcome };
  /** Its credentials are refused or it is locked, which says nothing of the store. */
  readonly accountFault: boolean;
  constructor(outcome: SendOutcome) {
    super(outcome.message);
    this.name = 'LookUpFailed';
    this.outcome = outcome;
    this.shared = { lookUp: outcome };
    this.accountFault = outcome.class === 'tenant_suspended';
  }
}

/** The failed look-up in an error or its cause: a store may remember for a moment that it failed, here or in another process. */
function lookUpFailure(error: unknown): { readonly outcome: SendOutcome } | undefined {
  if (error instanceof LookUpFailed) return error;
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (cause instanceof LookUpFailed) return cause;
  const { shared } = (cause ?? {}) as { readonly shared?: Partial<LookUpFailed['shared']> };
  return shared?.lookUp && { outcome: shared.lookUp };
}

const missing: SendOutcome = {
  class: 'template_unusable',
  action: 'disable_template',
  cause: 'http',
  known: true,
  countsAttempt: true,
  message: 'the account has no template of this name',
  elapsedMs: 0,
};

function neverSent(outcome: SendOutcome): SendOutcome {
  return outcome.class === 'ambiguous'
    ? { ...outcome, class: 'not_sent', action: 'retry', countsAttempt: false }
    : outcome;
}
