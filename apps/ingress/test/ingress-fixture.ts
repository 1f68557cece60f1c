import { createHash, randomBytes } from 'node:crypto';
import { type EventHeaders, decodeHeaders, partitionFor, topicNames, topicSettings } from '@mersal/contracts';
import { createAdmin, createConsumer, type InRecord, type KafkaConnection } from '@mersal/kafka';
import {
  agreePartitions,
  applyRoles,
  createPostgresLedger,
  type Database,
  generateApiKey,
  type Ledger,
  migrate,
  openDatabase,
  parseCredentialKeys,
  saveApiKey,
  saveTenant,
  type Scope,
} from '@mersal/ledger';
import {
  engines,
  freshDatabase,
  loginOf,
  randomName,
  type ServiceProcess,
  startService,
  waitFor,
} from '@mersal/testkit';

export const PARTITIONS = 4;

export interface TestTenant {
  readonly restaurantId: string;
  readonly id: number;
  readonly partition: number;
  readonly apiKey: string;
  readonly accountSid: string;
  readonly authToken: string;
  readonly fromNumbers: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Ingress as a process, on a queue and a database of its own. */
export interface Fixture {
  readonly url: string;
  readonly queue: string;
  readonly env: Readonly<Record<string, string>>;
  readonly adminToken: string;
  readonly database: Database;
  readonly ledger: Ledger;
  readonly connection: KafkaConnection;
  readonly service: ServiceProcess;
  tenant(restaurantId: string): Promise<TestTenant>;
  key(tenant: number | null, scopes: readonly Scope[]): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  send(tenant: TestTenant, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** All records of a topic so far. */
  records(topic: string): Promise<TopicRecord[]>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly key?: string;
  /** A text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface TopicRecord extends InRecord {
  readonly partition: number;
  readonly event: EventHeaders | undefined;
}

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export async function openFixture(
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly kafka?: readonly string[];
    readonly postgres?: string;
  } = {},
): Promise<Fixture> {
  const shared = await engines();
  const brokers = options.kafka ?? shared.kafka;
  const database = options.postgres ?? (await freshDatabase('ingress'));
  const queue = randomName('in');
  const connection: KafkaConnection = { brokers, clientId: 'ingress-test', logger: quiet };
  const admin = createAdmin({ connection });
  // The template topics belong to no queue: whoever makes them first in this run decides on their partitions.
  const own = topicSettings(topicNames(queue), { partitions: PARTITIONS, replication: 1 });
  await admin.ensureTopics(own.filter(({ topic }) => topic.startsWith(queue)));
  await admin.close();
  await migrate(database);
  await applyRoles(database);
  await agreePartitions(database, queue, PARTITIONS);

  const adminToken = `mk_admin${randomBytes(6).toString('hex')}_${randomBytes(24).toString('hex')}`;
  const credentials = randomBytes(32).toString('base64');
  const env: Record<string, string> = {
    KAFKA_BROKERS: brokers.join(','),
    REDIS_URL: shared.redis,
    // With the rights of its role only.
    DATABASE_URL: await loginOf('mersal_ingress', database),
    WHATSAPP_SEND_QUEUE_NAME: queue,
    PORT: '0',
    PUBLIC_URL: 'https://mersal.example',
    CREDENTIALS_KEY: credentials,
    ID_KEYS: `1:${randomBytes(32).toString('base64')}`,
    ADMIN_TOKEN_HASH: createHash('sha256').update(adminToken).digest('hex'),
    METRICS_AUTH: 'none',
    LOG_LEVEL: 'debug',
    ...options.env,
  };
  const service = await startService({ app: 'ingress', name: randomName('ingress'), env });
  const pool = openDatabase({ url: database, max: 4, application: 'ingress-test', onError: () => undefined });
  const keys = parseCredentialKeys(credentials);
  const names = topicNames(queue);
  // Only where somebody reads: a consumer that loses its broker makes kafkajs reject a promise that nobody holds.
  let reader: Promise<TopicReader> | undefined;
  const read = (): Promise<TopicReader> => (reader ??= readTopics(connection, [names.send, names.callbacks]));
  const url = await waitFor(() => upAt(service), { describe: 'the line that names the address' });

  const key = async (tenant: number | null, scopes: readonly Scope[]): Promise<string> => {
    const made = generateApiKey();
    await saveApiKey(pool, { key: made.key, tenant, name: 'test', scopes });
    return made.key;
  };
  const call: Fixture['call'] = async (method, path, { key: bearer, body, headers = {} } = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  };
  return {
    url,
    queue,
    env,
    adminToken,
    database: pool,
    ledger: createPostgresLedger(pool),
    connection,
    service,
    async tenant(restaurantId) {
      const given = {
        restaurantId,
        name: restaurantId,
        partition: partitionFor(restaurantId, PARTITIONS),
        accountSid: `AC${randomBytes(16).toString('hex')}`,
        authToken: randomBytes(16).toString('hex'),
        fromNumbers: ['whatsapp:+14155238886', 'whatsapp:+14155238887'],
      };
      const id = await saveTenant(pool, keys, given);
      return { ...given, id, apiKey: await key(id, ['send', 'read']) };
    },
    key,
    call,
    send: (tenant, body, headers) =>
      call('POST', '/api/whatsapp/send', { key: tenant.apiKey, body, ...(headers ? { headers } : {}) }),
    records: async (topic) => (await read()).records(topic),
    async close() {
      await (await reader)?.close();
      await service.stop();
      await pool.close();
    },
  };
}

function upAt(service: ServiceProcess): string | undefined {
  const line = service.lines.find((text) => text.includes('is up"'));
  return line === undefined ? undefined : (JSON.parse(line) as { url: string }).url;
}

interface TopicReader {
  records(topic: string): Promise<TopicRecord[]>;
  close(): Promise<void>;
}

async function readTopics(connection: KafkaConnection, topics: readonly string[]): Promise<TopicReader> {
  const admin = createAdmin({ connection });
  const seen = new Map<string, TopicRecord[]>(topics.map((topic) => [topic, []]));
  const consumer = createConsumer({
    connection,
    groupId: randomName('reader'),
    topics,
    onAssigned: () => Promise.resolve([]),
    onRevoked: () => undefined,
    onBatch: ({ topic, partition, records }) => {
      for (const record of records) {
        seen.get(topic)?.push({ ...record, partition, event: decodeHeaders(record.headers) });
      }
      return Promise.resolve();
    },
    onFatal: (error) => {
      throw error;
    },
    maxWaitMs: 50,
  });
  await consumer.start();
  return {
    async records(topic) {
      const ends = await admin.endOffsets(topic);
      const total = [...ends.values()].reduce((sum, end) => sum + end, 0n);
      await waitFor(() => BigInt(seen.get(topic)?.length ?? 0) >= total, {
        timeoutMs: 20_000,
        describe: `all ${total} records of ${topic}`,
      });
      return [...(seen.get(topic) ?? [])];
    },
    async close() {
      await consumer.close();
      await admin.close();
    },
  };
}
