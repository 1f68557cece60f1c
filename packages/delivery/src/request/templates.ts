import type { ProviderAccount, SendOutcome, TwilioGateway } from '@mersal/twilio-gateway';

export type ResolvedTemplate =
  | { readonly ok: true; readonly contentSid: string }
  | { readonly ok: false; readonly outcome: SendOutcome };

const KEEP_MS = 300_000;
const MOST = 10_000;

/** Finds a template's SID by its name at the restaurant's own account, and remembers it for a while. */
export class Templates {
  readonly #gateway: TwilioGateway;
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly contentSid: string; readonly until: number }>();

  constructor(gateway: TwilioGateway, now: () => number) {
    this.#gateway = gateway;
    this.#now = now;
  }

  async resolve(account: ProviderAccount, name: string): Promise<ResolvedTemplate> {
    const key = `${account.accountSid}/${name}`;
    const known = this.#known.get(key);
    if (known && known.until > this.#now()) return { ok: true, contentSid: known.contentSid };
    const answer = await this.#gateway.contents.find(account, name);
    // Nothing was sent yet, whatever went wrong with the look-up.
    if (!answer.ok) return { ok: false, outcome: neverSent(answer.outcome) };
    if (!answer.value) return { ok: false, outcome: missing };
    if (this.#known.size >= MOST) this.#known.delete(this.#known.keys().next().value as string);
    this.#known.set(key, { contentSid: answer.value.sid, until: this.#now() + KEEP_MS });
    return { ok: true, contentSid: answer.value.sid };
  }

  /** The provider says that this SID is gone: the name is looked up again. */
  forget(accountSid: string, name: string): void {
    this.#known.delete(`${accountSid}/${name}`);
  }
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
