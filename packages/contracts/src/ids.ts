import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { v7 } from 'uuid';

/*
 * A message id proves itself:   id = u ‖ '-' ‖ version ‖ tag
 *
 *   u        16 bytes, 32 hex digits: random, or a hash of (restaurant, Idempotency-Key). (tenant, u) is the
 *            ledger's primary key, so a repeat is recognised without any store at the edge.
 *   version  one digit or letter: which key made the tag.
 *   tag      HMAC of (restaurant, u), 48 bits, 12 hex digits. Only the tag is keyed: turning the key over leaves
 *            u, and with it deduplication, as it was.
 */

declare const brand: unique symbol;
export type MessageId = string & { readonly [brand]: 'MessageId' };

/** Keys of the tag by their version; `current` signs, all verify. */
export interface IdKeys {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

const FORM = /^([0-9a-f]{32})-([0-9a-z])([0-9a-f]{12})$/;

/** Reads `1:<base64 of 32 bytes>[,2:<base64>…]`; the last one named signs. Throws RangeError with what is wrong. */
export function parseIdKeys(text: string): IdKeys {
  const keys = new Map<string, Buffer>();
  let current = '';
  for (const part of text.split(',')) {
    const [version = '', encoded = ''] = part.split(':');
    const key = Buffer.from(encoded, 'base64');
    if (!/^[0-9a-z]$/.test(version)) throw new RangeError('an id key needs a version of one digit or letter');
    if (key.length !== 32) throw new RangeError(`id key ${version} is not 32 bytes of base64`);
    keys.set(version, key);
    current = version;
  }
  return { current, keys };
}

/** A new u: time-ordered, so that the ledger's primary key grows at its end. */
export function randomU(): string {
  return v7().replaceAll('-', '');
}

/** The u of a repeatable request: the same restaurant and key always give the same one. */
export function idempotentU(restaurantId: string, idempotencyKey: string): string {
  return createHash('sha256')
    .update('mersal-u-1\0')
    .update(restaurantId)
    .update('\0')
    .update(idempotencyKey)
    .digest('hex')
    .slice(0, 32);
}

export function messageId(keys: IdKeys, restaurantId: string, u: string): MessageId {
  return `${u}-${keys.current}${tagOf(keys, keys.current, restaurantId, u)}` as MessageId;
}

/** The parts of an id of the right form, or undefined. Says nothing of whether its tag is genuine. */
export function parseMessageId(id: string): { readonly u: string; readonly tag: string } | undefined {
  const match = FORM.exec(id);
  if (!match) return undefined;
  return { u: match[1] as string, tag: `${match[2]}${match[3]}` };
}

/** Puts an id together from the parts that the ledger stores. */
export function joinMessageId(u: string, tag: string): MessageId {
  return `${u}-${tag}` as MessageId;
}

/** True when this id was made by us for this restaurant, by any key still known. */
export function verifyMessageId(keys: IdKeys, restaurantId: string, id: string): boolean {
  const parts = parseMessageId(id);
  if (!parts) return false;
  const version = parts.tag.slice(0, 1);
  if (!keys.keys.has(version)) return false;
  const expected = Buffer.from(tagOf(keys, version, restaurantId, parts.u));
  return timingSafeEqual(expected, Buffer.from(parts.tag.slice(1)));
}

/**
 * The conversation that a send belongs to when its caller names none: one for each pair of numbers, by a keyed
 * hash, so that no record key, span or log line holds a phone number.
 */
export function defaultConversationId(keys: IdKeys, restaurantId: string, from: string, to: string): string {
  // Always the oldest key: the conversation of two numbers must not change when keys turn over.
  const [oldest] = keys.keys.values();
  if (!oldest) throw new RangeError('no id key');
  return `c_${createHmac('sha256', oldest).update(`${restaurantId}\0${from}\0${to}`).digest('hex').slice(0, 24)}`;
}

function tagOf(keys: IdKeys, version: string, restaurantId: string, u: string): string {
  const key = keys.keys.get(version);
  if (!key) throw new RangeError(`unknown id key ${version}`);
  return createHmac('sha256', key).update(`${restaurantId}\0${u}`).digest('hex').slice(0, 12);
}
