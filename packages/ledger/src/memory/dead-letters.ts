import { createHash } from 'node:crypto';
import {
  type DeadFilter,
  type DeadGroup,
  type DeadLetter,
  type DeadPage,
  IN_DOUBT,
  NO_REASON,
} from '../messages/dead-letters.js';
import type { DeadEntry } from '../messages/outbox.js';
import { MOST_TEXT, type UnfiledRecord } from '../messages/unfiled.js';
import { LANE, MESSAGE } from '../states.js';
import { advance } from './lanes.js';
import { key, type MessageRow, type Tables, type UnfiledRow } from './tables.js';

/** Nobody found out whether the provider accepted one of its attempts: put back, it could be sent a second time. */
export function isDoubted(tables: Tables, message: MessageRow): boolean {
  if (tables.tenants.get(message.tenant)?.onUnknown === 'resend') return false;
  const attempts = tables.attempts.get(key(message.tenant, message.u))?.values() ?? [];
  return [...attempts].some(({ outcome }) => IN_DOUBT.includes(outcome));
}

/** What stays of a record once the dead-letter topic has it. */
export function keepUnfiled(tables: Tables, entry: DeadEntry): void {
  const place = `${entry.topic}/${entry.partition}/${entry.offset}`;
  const u = createHash('md5').update(place).digest('hex');
  if (tables.unfiled.has(u)) return;
  const restaurant = entry.key && entry.key.length > 0 ? entry.key.toString('latin1') : undefined;
  const named = restaurant ?? entry.headers['ce_subject'];
  tables.unfiled.set(u, {
    u,
    partition: entry.partition,
    topic: entry.topic as UnfiledRecord['topic'],
    offset: entry.offset,
    reason: entry.reason,
    restaurant: named?.slice(0, MOST_TEXT) ?? null,
    event: entry.headers['ce_type']?.slice(0, MOST_TEXT) ?? null,
    bytes: entry.value?.length ?? 0,
    filedAt: tables.clock(),
    discardedAt: null,
  });
}

export function listDead(tables: Tables, filter: DeadFilter, page: DeadPage): DeadLetter[] {
  const sign = page.order === 'newest' ? -1 : 1;
  const order = (a: DeadLetter['place'], b: DeadLetter['place']): number =>
    sign * (a.at - b.at || (a.u === b.u ? 0 : a.u < b.u ? -1 : 1));
  const { after } = page;
  return matching(tables, filter)
    .filter((letter) => after === undefined || order(letter.place, after) > 0)
    .toSorted((a, b) => order(a.place, b.place))
    .slice(0, page.most);
}

export function countDead(tables: Tables, filter: DeadFilter): DeadGroup[] {
  const groups = new Map<string, DeadGroup>();
  for (const letter of matching(tables, filter)) {
    const { restaurantId, reason, errorClass, errorCode, deadAt } = letter;
    const id = JSON.stringify([restaurantId, reason, errorClass, errorCode]);
    const known = groups.get(id);
    groups.set(id, {
      restaurantId,
      reason,
      errorClass,
      errorCode,
      letters: (known?.letters ?? 0) + 1,
      oldestAt: Math.min(known?.oldestAt ?? deadAt, deadAt),
      newestAt: Math.max(known?.newestAt ?? deadAt, deadAt),
    });
  }
  const text = (group: DeadGroup): string => `${group.reason}/${group.restaurantId ?? ''}`;
  return [...groups.values()].toSorted((a, b) => b.letters - a.letters || (text(a) < text(b) ? -1 : 1));
}

/** Puts dead letters away; a conversation that one of them holds goes on. */
export function discardDead(
  tables: Tables,
  letters: readonly Pick<DeadLetter, 'kind' | 'tenant' | 'u'>[],
): number {
  let discarded = 0;
  for (const { kind, tenant, u } of letters) {
    const row = kind === 'record' ? tables.unfiled.get(u) : tables.message(tenant ?? 0, u);
    if (!row || row.discardedAt !== null) continue;
    if ('state' in row) {
      if (row.state !== MESSAGE.dead) continue;
      if (tables.laneHeadedBy(row)?.state === LANE.held) advance(tables, row);
    }
    row.discardedAt = tables.clock();
    discarded += 1;
  }
  return discarded;
}

function matching(tables: Tables, filter: DeadFilter): DeadLetter[] {
  const all = [
    ...[...tables.messages.values()]
      .filter((row) => row.state === MESSAGE.dead && !row.erased && row.discardedAt === null)
      .map((row) => ofMessage(tables, row)),
    ...[...tables.unfiled.values()]
      .filter((row) => row.discardedAt === null)
      .map((row) => ofRecord(tables, row)),
  ];
  const { tenant, code, us, from, to } = filter;
  return all.filter(
    (letter) =>
      (tenant === undefined || letter.tenant === tenant) &&
      (code === undefined || [String(letter.errorCode), letter.reason, letter.errorClass].includes(code)) &&
      (us === undefined || us.includes(letter.u)) &&
      (from === undefined || letter.place.at >= from * 1_000) &&
      (to === undefined || letter.place.at < to * 1_000),
  );
}

function ofMessage(tables: Tables, row: MessageRow): DeadLetter {
  const past = row.expiresAt !== null && row.expiresAt <= tables.clock();
  const at = Math.round(row.changedAt * 1_000);
  return {
    kind: 'message',
    tenant: row.tenant,
    restaurantId: tables.tenants.get(row.tenant)?.restaurantId ?? '',
    u: row.u,
    tag: row.tag,
    reason: row.deadReason ?? NO_REASON,
    errorClass: row.errorClass,
    errorCode: row.errorCode,
    attempts: row.attempt,
    redrive: row.redrive,
    priority: row.priority,
    acceptedAt: row.acceptedAt,
    deadAt: Math.floor(at / 1_000),
    place: { at, u: row.u },
    refusal: past ? 'past_expiry' : isDoubted(tables, row) ? 'outcome_unknown' : null,
    traceparent: tables.bodies.get(key(row.tenant, row.u))?.headers['traceparent'] ?? null,
    record: null,
  };
}

function ofRecord(tables: Tables, row: UnfiledRow): DeadLetter {
  const tenant = [...tables.tenants.values()].find((one) => one.restaurantId === row.restaurant);
  const at = Math.round(row.filedAt * 1_000);
  const { partition, topic, offset, event, bytes } = row;
  return {
    kind: 'record',
    tenant: tenant?.id ?? null,
    restaurantId: row.restaurant,
    u: row.u,
    tag: null,
    reason: row.reason,
    errorClass: null,
    errorCode: null,
    attempts: 0,
    redrive: 0,
    priority: null,
    acceptedAt: null,
    deadAt: Math.floor(at / 1_000),
    place: { at, u: row.u },
    refusal: 'unfiled',
    traceparent: null,
    record: { partition, topic, offset, event, bytes },
  };
}
