export interface Content {
  readonly sid: string;
  readonly accountSid: string;
  readonly friendlyName: string;
  readonly language: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly types: Readonly<Record<string, unknown>>;
  readonly dateCreatedMs: number;
  approval: { name: string; category: string; status: string } | null;
}

const HOST = 'https://content.twilio.com';

/** Templates by SID, oldest first. */
export class ContentStore {
  readonly #bySid = new Map<string, Content>();

  get size(): number {
    return this.#bySid.size;
  }

  add(content: Content): void {
    this.#bySid.set(content.sid, content);
  }

  /** Another account's template does not exist for this one. */
  get(accountSid: string, sid: string): Content | undefined {
    const content = this.#bySid.get(sid);
    return content?.accountSid === accountSid ? content : undefined;
  }

  delete(sid: string): void {
    this.#bySid.delete(sid);
  }

  ofAccount(accountSid: string): Content[] {
    return [...this.#bySid.values()].filter((content) => content.accountSid === accountSid);
  }

  clear(): void {
    this.#bySid.clear();
  }
}

export function contentResource(content: Content) {
  const url = `${HOST}/v1/Content/${content.sid}`;
  const date = new Date(Math.floor(content.dateCreatedMs / 1_000) * 1_000)
    .toISOString()
    .replace('.000Z', 'Z');
  return {
    account_sid: content.accountSid,
    date_created: date,
    date_updated: date,
    friendly_name: content.friendlyName,
    language: content.language,
    links: {
      approval_create: `${url}/ApprovalRequests/whatsapp`,
      approval_fetch: `${url}/ApprovalRequests`,
    },
    sid: content.sid,
    types: content.types,
    url,
    variables: content.variables,
  };
}

/** The text that a template gives with these variables; defaults fill what is left out. */
export function renderContent(content: Content, variables: Readonly<Record<string, string>>): string {
  const first = Object.values(content.types)[0];
  const body = typeof first === 'object' && first !== null && 'body' in first ? first.body : '';
  if (typeof body !== 'string') return '';
  return body.replaceAll(
    /\{\{(\w+)\}\}/g,
    (hole, name: string) => variables[name] ?? content.variables[name] ?? hole,
  );
}
