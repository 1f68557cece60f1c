import { parseMessageId, type SendRequested, type TopicNames } from '@mersal/contracts';
import { redriveSpanId, type Templates } from '@mersal/delivery';
import type { InRecord, PartitionBatch } from '@mersal/kafka';
import {
  recipientOf,
  type Callback,
  type CallbackRule,
  type DeadRecord,
  type GoneTemplate,
  type Head,
  laneOf,
  type Ledger,
  LedgerError,
  type NewMessage,
  type Ownership,
  type Range,
  type Redrive,
  type Retry,
  TOPIC_ROLES,
  type TopicRole,
} from '@mersal/ledger';
import { type Logger, type Metrics, SpanKind, startSpan } from '@mersal/telemetry';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import { CarefulReading } from './careful-reading.js';
import { type Decoded, decodeRecords, headersAsText, toDead } from './decode.js';

export interface AdmissionParts {
  readonly ledger: Ledger;
  /** This process, and no other one that ever was. */
  readonly reader: string;
  readonly tenants: TenantDirectory;
  readonly owned: OwnedPartitions;
  readonly dispatch: Dispatch;
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly callbackRule: CallbackRule;
  readonly templates: Pick<Templates, 'forget'>;
  readonly seek: (topic: string, partition: number, offset: bigint) => void;
  readonly commit: (topic: string, partition: number, offset: bigint) => void;
  readonly outboxFilled: () => void;
  /** Somebody took the partition since. */
  readonly onFenced: (own: Ownership) => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/*
 * A fetched batch goes into the ledger in one fenced transaction, which also moves the admitted offset.
 *
 *   batch ─► decode ─► resolve restaurants ─► admit ─┬─ done ─► heads to the dispatcher, offset to Kafka (for lag only)
 *                                                    ├─ fenced: somebody else owns it ─► drop, and the partition
 *                                                    └─ gap: not where the ledger is ─► seek back, drop
 */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #careful: CarefulReading;
  readonly #roles: ReadonlyMap<string, TopicRole>;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#careful = new CarefulReading(parts.ledger, parts.reader);
    this.#roles = new Map(TOPIC_ROLES.map((role) => [parts.topics[role], role]));
  }

  readonly onBatch = async (batch: PartitionBatch): Promise<void> => {
    const { owned, dispatch, logger, seek, commit, ledger } = this.#parts;
    const role = this.#roles.get(batch.topic);
    const own = owned.get(batch.partition);
    if (!role || !own || !batch.isOwned()) return;
    const range: Range = { first: batch.firstOffset, next: batch.lastOffset + 1n };
    try {
      if ((await this.#careful.mannerOf(own, role, batch)) === 'single')
        await this.#oneByOne(role, own, batch);
      else dispatch.offer(await this.#admit(role, own, range, batch.records));
      this.#parts.outboxFilled();
      commit(batch.topic, batch.partition, range.next);
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'fenced') {
        this.#parts.onFenced(own);
        return;
      }
      if (error instanceof LedgerError && error.code === 'offset_gap') {
        const at = await ledger.admittedOffset(batch.partition, role);
        logger.warn(
          { partition: batch.partition, topic: batch.topic, offset: String(at) },
          'read from behind a gap, seeking back',
        );
        seek(batch.topic, batch.partition, at);
        return;
      }
      throw error;
    }
  };

  /** Records that end whoever reads them go to the dead letters as they were, and the others are filed. */
  async #oneByOne(role: TopicRole, own: Ownership, batch: PartitionBatch): Promise<void> {
    const { ledger, dispatch, logger, metrics } = this.#parts;
    let first = batch.firstOffset;
    for (const [at, record] of batch.records.entries()) {
      if (!batch.isOwned()) return;
      const last = at === batch.records.length - 1;
      const range: Range = { first, next: (last ? batch.lastOffset : record.offset) + 1n };
      first = range.next;
      if (!(await this.#careful.isPoison(own, role, record.offset))) {
        dispatch.offer(await this.#admit(role, own, range, [record]));
        continue;
      }
      logger.error(
        { partition: batch.partition, topic: batch.topic, offset: String(record.offset) },
        'a record that ended its readers goes to the dead-letter topic unread',
      );
      metrics.count('mersal_dead', { reason: 'poison' });
      await fileUnread[role](ledger, own, range, [toDead(role, record, 'poison')]);
    }
  }

  async #admit(role: TopicRole, own: Ownership, range: Range, records: readonly InRecord[]): Promise<Head[]> {
    const { tenants, metrics, partitions, ledger, logger } = this.#parts;
    const { decoded, dead } = decodeRecords(role, records, { partition: own.partition, partitions });
    const known = await tenants.resolve(
      decoded.map(({ event }) => (event.data as { restaurantId: string }).restaurantId),
    );
    const tenantOf = ({ record, event }: Decoded): number | undefined => {
      const tenant = known.get((event.data as { restaurantId: string }).restaurantId);
      if (!tenant) dead.push(toDead(role, record, 'unknown_restaurant'));
      return tenant?.id;
    };
    for (const one of dead) metrics.count('mersal_dead', { reason: one.reason });
    if (dead.length > 0)
      logger.warn(
        { partition: own.partition, topic: role, records: dead.length },
        'records that cannot be filed go to the dead-letter topic',
      );
    metrics.count('mersal_admitted', { topic: role, result: 'filed' }, decoded.length);
    switch (role) {
      case 'send': {
        const messages = decoded.flatMap((one) => toMessage(one, tenantOf(one)));
        const { first, conflicts } = firstOfEach(messages);
        for (const { kafkaOffset } of conflicts) dead.push(conflictOf(records, kafkaOffset));
        await this.#prepare(first.map((message) => message.tenant));
        return ledger.admitSends(own, range, first, dead);
      }
      case 'retry': {
        const retries: Retry[] = [];
        const redrives: Redrive[] = [];
        for (const one of decoded) {
          const tenant = tenantOf(one);
          if (tenant === undefined) continue;
          const { event } = one;
          if (event.type === 'mersal.send.retry.v1') {
            const { redrive, attempt, notBefore } = event.data;
            retries.push({ tenant, u: uOf(event.data.messageId), redrive, attempt, notBefore });
          } else if (event.type === 'mersal.send.redrive.v1') {
            const { redrive, priority } = event.data;
            const message = { tenant, u: uOf(event.data.messageId) };
            redrives.push({ ...message, redrive, priority });
            tellRedrive(one, redriveSpanId(message, redrive + 1));
          }
        }
        return ledger.admitRetries(own, range, retries, redrives, dead);
      }
      case 'callbacks': {
        const callbacks = decoded.flatMap((one) => toCallback(one, tenantOf(one)));
        const results = await ledger.applyCallbacks(own, range, callbacks, this.#parts.callbackRule, dead);
        for (const { decision } of results) metrics.count('mersal_callbacks', { result: decision.result });
        // Before their retries are published, so that these find another SID. Lost in a crash it is told again by the next send of the name.
        for (const { decision } of results)
          if (decision.kind === 'apply' && decision.gone) await this.#forget(decision.gone);
        this.#parts.dispatch.look([...new Set(callbacks.map((callback) => callback.tenant))]);
        return [];
      }
      default:
        return role satisfies never;
    }
  }

  async #forget({ restaurantId, accountSid, name, contentSid }: GoneTemplate): Promise<void> {
    this.#parts.logger.warn(
      { restaurant: restaurantId, template: name, contentSid },
      'a template is gone at delivery: its SID is forgotten',
    );
    await this.#parts.templates.forget({ accountSid }, restaurantId, name, contentSid);
  }

  async #prepare(tenants: readonly number[]): Promise<void> {
    await this.#parts.dispatch.prepare([...new Set(tenants)]);
  }
}

/** A span in the message's own trace: its next attempts link to it, and it to what asked for the redrive. */
function tellRedrive({ event: { headers } }: Decoded, spanId: string): void {
  // Those published by a version before do not name their message's trace.
  if (headers.traceparent === undefined) return;
  startSpan('whatsapp-send redrive', {
    kind: SpanKind.CONSUMER,
    traceparent: headers.traceparent,
    spanId,
    links: [headers.operation],
  }).end();
}

const fileUnread: Readonly<
  Record<
    TopicRole,
    (ledger: Ledger, own: Ownership, range: Range, dead: readonly DeadRecord[]) => Promise<unknown>
  >
> = {
  send: (ledger, own, range, dead) => ledger.admitSends(own, range, [], dead),
  retry: (ledger, own, range, dead) => ledger.admitRetries(own, range, [], [], dead),
  callbacks: (ledger, own, range, dead) =>
    ledger.applyCallbacks(own, range, [], () => ({ kind: 'ignore', result: 'unread' }), dead),
};

function toMessage({ record, event }: Decoded, tenant: number | undefined): NewMessage[] {
  if (tenant === undefined || event.type !== 'mersal.send.requested.v1') return [];
  const data: SendRequested = event.data;
  const parts = parseMessageId(data.messageId);
  if (!parts) return [];
  return [
    {
      tenant,
      u: parts.u,
      tag: parts.tag,
      lane: laneOf(data.conversationId),
      conversation: data.conversationId,
      priority: data.priority,
      acceptedAt: data.acceptedAt,
      sendAt: data.sendAt,
      expiresAt: data.expiresAt,
      sender: data.from,
      recipient: recipientOf(data.to),
      bodyHash: data.bodyHash,
      record: record.value ?? Buffer.alloc(0),
      headers: headersAsText(record),
      kafkaOffset: record.offset,
    },
  ];
}

/** One statement can't insert an id twice: repeats within the batch are dropped, other bodies are conflicts. */
function firstOfEach(messages: readonly NewMessage[]): { first: NewMessage[]; conflicts: NewMessage[] } {
  const first = new Map<string, NewMessage>();
  const conflicts: NewMessage[] = [];
  for (const message of messages) {
    const key = `${message.tenant}/${message.u}`;
    const earlier = first.get(key);
    if (!earlier) first.set(key, message);
    else if (earlier.bodyHash !== message.bodyHash) conflicts.push(message);
  }
  return { first: [...first.values()], conflicts };
}

function conflictOf(records: readonly InRecord[], offset: bigint): DeadRecord {
  const record = records.find((one) => one.offset === offset) as InRecord;
  return toDead('send', record, 'idempotency_conflict');
}

function toCallback({ event }: Decoded, tenant: number | undefined): Callback[] {
  if (tenant === undefined || event.type !== 'mersal.callback.received.v1') return [];
  const { messageId, attempt, accountSid, sid, status, errorCode, contentSid, receivedAt } = event.data;
  return [{ tenant, u: uOf(messageId), attempt, accountSid, sid, status, errorCode, contentSid, receivedAt }];
}

function uOf(messageId: string): string {
  return parseMessageId(messageId)?.u ?? '';
}
