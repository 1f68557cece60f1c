import { randomBytes } from 'node:crypto';
import { partitionFor, randomU } from '@mersal/contracts';
import {
  agreePartitions,
  createPostgresLedger,
  type Database,
  type Ledger,
  LANE,
  laneOf,
  MESSAGE,
  migrate,
  type NewMessage,
  openDatabase,
  type Ownership,
  parseCredentialKeys,
  recipientOf,
  saveTenant,
  type Settlement,
  type Candidate,
  type Claim,
  type ClaimLimits,
} from '@mersal/ledger';
import { freshDatabase } from '@mersal/testkit';

export const PARTITIONS = 4;
export const keys = parseCredentialKeys(randomBytes(32).toString('base64'));

export interface Fixture {
  readonly url: string;
  readonly database: Database;
  readonly ledger: Ledger;
  tenant(restaurantId: string): Promise<{ readonly id: number; readonly partition: number }>;
  close(): Promise<void>;
}

/** In the shared server, or in one of the test's own. */
export async function openFixture(server?: string): Promise<Fixture> {
  const url = await freshDatabase('test', server);
  await migrate(url);
  await agreePartitions(url, 'whatsapp-send', PARTITIONS);
  const database = openDatabase({ url, max: 20, application: 'ledger-test', onError: () => undefined });
  const ledger = createPostgresLedger(database);
  return {
    url,
    database,
    ledger,
    async tenant(restaurantId) {
      const partition = partitionFor(restaurantId, PARTITIONS);
      const id = await saveTenant(database, keys, {
        restaurantId,
        name: restaurantId,
        partition,
        accountSid: `AC${'0'.repeat(32)}`,
        authToken: 'secret',
        fromNumbers: ['whatsapp:+14155238886'],
      });
      await ledger.ensureSlots([id], 5);
      return { id, partition };
    },
    close: () => ledger.close(),
  };
}

/** Connections to this database that wait for a lock of another. */
export async function waitingForLocks(database: Database): Promise<number> {
  const [row] = await database.run({
    name: 'test-waiting',
    text: "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    values: [],
  });
  return row?.['n'] as number;
}

export function newMessage(tenant: number, conversation: string, more: Partial<NewMessage> = {}): NewMessage {
  return {
    tenant,
    u: randomU(),
    tag: '1aaaaaaaaaaaa',
    lane: laneOf(conversation),
    conversation,
    priority: 5,
    acceptedAt: Date.now(),
    sender: 'whatsapp:+14155238886',
    recipient: recipientOf(`whatsapp:+9665${conversation}`),
    bodyHash: '00'.repeat(32),
    record: Buffer.from('{"text":"طلبك جاهز 🍽️"}'),
    headers: { ce_id: 'x' },
    kafkaOffset: 0n,
    ...more,
  };
}

/** A range of offsets that follows on whatever was admitted before, in this partition or another. */
export async function admit(ledger: Ledger, own: Ownership, messages: readonly NewMessage[]) {
  const first = await ledger.admittedOffset(own.partition, 'send');
  const next = first + BigInt(messages.length);
  return ledger.admitSends(own, { first, next }, messages, []);
}

export async function claimOf(
  ledger: Ledger,
  own: Ownership,
  heads: readonly Candidate[],
  limits: ClaimLimits,
): Promise<readonly Claim[]> {
  return (await ledger.claim([own], heads, limits)).claims;
}

export function settlement(claim: Claim, more: Partial<Settlement> = {}): Settlement {
  const now = Date.now();
  return {
    tenant: claim.tenant,
    lane: claim.lane,
    u: claim.u,
    slot: claim.slot,
    attempt: claim.attempt,
    redrive: claim.redrive,
    state: MESSAGE.sent,
    onward: 'advance',
    counted: true,
    accountSid: claim.accountSid,
    sid: `SM${randomBytes(16).toString('hex')}`,
    outcome: 'accepted',
    httpStatus: 201,
    startedAt: now - 100,
    finishedAt: now,
    event: 'sent',
    detail: {},
    ...more,
  };
}

export const retryLater = (claim: Claim, due: number): Settlement =>
  settlement(claim, {
    state: MESSAGE.retrying,
    onward: LANE.retrying,
    due,
    sid: undefined,
    outcome: 'transient',
    errorClass: 'transient',
    event: 'retrying',
  });
