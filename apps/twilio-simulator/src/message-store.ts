import type { Message } from './message-resource.js';

/** The newest messages, found by SID or by account and recipient. Bounded: the oldest leave first. */
export class MessageStore {
  readonly #capacity: number;
  readonly #bySid = new Map<string, Message>();
  readonly #byRecipient = new Map<string, Message[]>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(message: Message): void {
    this.#bySid.set(message.sid, message);
    const key = recipientKey(message.accountSid, message.to);
    const list = this.#byRecipient.get(key);
    if (list) list.push(message);
    else this.#byRecipient.set(key, [message]);
    if (this.#bySid.size > this.#capacity) this.#evictOldest();
  }

  get(accountSid: string, sid: string): Message | undefined {
    const message = this.#bySid.get(sid);
    return message?.accountSid === accountSid ? message : undefined;
  }

  /** An account's messages, newest first, of one recipient if given. */
  newestFirst(accountSid: string, to: string | undefined): Message[] {
    const oldestFirst =
      to === undefined
        ? [...this.#bySid.values()].filter((message) => message.accountSid === accountSid)
        : (this.#byRecipient.get(recipientKey(accountSid, to)) ?? []);
    return oldestFirst.toReversed();
  }

  clear(): void {
    this.#bySid.clear();
    this.#byRecipient.clear();
  }

  #evictOldest(): void {
    const oldest = this.#bySid.values().next();
    if (oldest.done) return;
    const message = oldest.value;
    this.#bySid.delete(message.sid);
    const key = recipientKey(message.accountSid, message.to);
    const list = this.#byRecipient.get(key);
    list?.shift();
    if (list?.length === 0) this.#byRecipient.delete(key);
  }
}

function recipientKey(accountSid: string, to: string): string {
  return `${accountSid} ${to}`;
}
