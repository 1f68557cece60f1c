import { createHmac } from 'node:crypto';
import { messageId, parseIdKeys, randomU } from '@mersal/contracts';
import { type Pipeline, type PipelineTenant, startPipeline } from '@mersal/testkit';
import { customer, orderText } from '../../pipeline/test/orders.js';
import { type Answers, type Load, loadHttp, type Request, withFile } from '../http-load.js';
import { sendRecord } from '../load.js';
import { type BenchContext, type Part, profiled, type Row } from '../part.js';
import { servePeer } from '../run-peer.js';
import { median, spread } from '../spread.js';

const TENANTS = 20;
const RATE = 500;
const MOST_P99_MS = 50;
const LEAST_OF_BARE = 0.7;
const BATCH = 1_000;
const MOST_BATCH_MS = 250;
const CONNECTIONS = 50;

const tenantOf = (pipeline: Pipeline, n: number): PipelineTenant =>
  pipeline.tenant(`restaurant-${n % TENANTS}`);

function sends(pipeline: Pipeline): Request[] {
  return Array.from({ length: 1_000 }, (_, n) => ({
    path: '/api/whatsapp/send',
    headers: {
      authorization: `Bearer ${tenantOf(pipeline, n).apiKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      phoneNumber: customer(n),
      text: orderText(n),
      conversationId: `table-${n % 500}`,
    }),
  }));
}

/** What the provider would call back with, each for a message of its own, signed as the provider signs. */
function callbacks(pipeline: Pipeline, count: number): Request[] {
  const keys = parseIdKeys(pipeline.env['ID_KEYS'] as string);
  return Array.from({ length: count }, (_, n) => {
    const { restaurantId, accountSid, authToken, fromNumber } = tenantOf(pipeline, n);
    const message = messageId(keys, restaurantId, randomU());
    const query = new URLSearchParams({
      restaurant: restaurantId,
      message,
      attempt: '1',
      account: accountSid,
    });
    const path = `/webhooks/twilio/status?${query.toString()}`;
    const form = {
      AccountSid: accountSid,
      From: fromNumber,
      MessageSid: `SM${n.toString(16).padStart(32, '0')}`,
      MessageStatus: n % 2 === 0 ? 'sent' : 'delivered',
      To: `whatsapp:${customer(n)}`,
    };
    const signed = `${pipeline.env['PUBLIC_URL']}${path}${Object.entries(form).flat().join('')}`;
    return {
      path,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': createHmac('sha1', authToken).update(signed).digest('base64'),
      },
      body: new URLSearchParams(form).toString(),
    };
  });
}

function batches(pipeline: Pipeline): Request[] {
  return Array.from({ length: TENANTS }, (_, n) => ({
    path: '/api/whatsapp/send/batch',
    headers: {
      authorization: `Bearer ${tenantOf(pipeline, n).apiKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      messages: Array.from({ length: BATCH }, (_, m) => ({ phoneNumber: customer(m), text: orderText(m) })),
    }),
  }));
}

/** An answer that nobody expects makes a measurement worthless: it ends the part. */
async function answered(load: Load): Promise<Answers[]> {
  const all = await loadHttp(load);
  for (const { strange } of all)
    if (Object.keys(strange).length > 0) throw new Error(`strange answers: ${JSON.stringify(strange)}`);
  return all;
}

function p99Row(what: string, { p50, p99, slowest, answered: count }: Answers): Row {
  return {
    what,
    target: `p99 ≤ ${MOST_P99_MS} ms`,
    measured: `${p99.toFixed(1)} ms`,
    ratio: p99 / MOST_P99_MS,
    met: p99 <= MOST_P99_MS,
    detail: { p50, p99, slowest, count },
  };
}

async function constant(pipeline: Pipeline, port: number, quick: boolean): Promise<Row[]> {
  const times = { port, warmUpSeconds: 4, seconds: quick ? 5 : 20 };
  const posts = { name: 'posts', expect: 202, rate: RATE, requests: sends(pipeline) };
  const provider = { name: 'callbacks', expect: 204, rate: RATE, requests: callbacks(pipeline, 5_000) };
  const [alone] = (await answered({ ...times, streams: [posts] })) as [Answers];
  const [beside, back] = (await answered({ ...times, streams: [posts, provider] })) as [Answers, Answers];
  return [
    p99Row(`POST at ${RATE}/s, constant arrivals`, alone),
    { ...p99Row(`POST at ${RATE}/s beside ${RATE} callbacks/s`, beside), met: null },
    p99Row(`callbacks at ${RATE}/s beside ${RATE} POST/s`, back),
  ];
}

async function peak(context: BenchContext, pipeline: Pipeline, port: number): Promise<Row> {
  const rounds = context.quick ? 1 : 5;
  const keys = parseIdKeys(pipeline.env['ID_KEYS'] as string);
  const tenant = pipeline.tenants[0] as PipelineTenant;
  const id = messageId(keys, tenant.restaurantId, randomU());
  const { value, ...record } = sendRecord(pipeline, tenant, { id, lane: 1, text: orderText(1) });
  const spec = {
    ...record,
    brokers: context.engines.kafka,
    partitions: 12,
    value: value?.toString(),
  };
  const [ours, bare]: [number[], number[]] = [[], []];
  await withFile(spec, async (file) => {
    const peer = await servePeer('bare-route', [file]);
    try {
      const requests = sends(pipeline);
      const times = { warmUpSeconds: 2, seconds: context.quick ? 3 : 6 };
      const stream = { name: 'posts', expect: 202, connections: CONNECTIONS };
      for (let round = 0; round < rounds; round += 1) {
        const [one] = await answered({ ...times, port, streams: [{ ...stream, requests }] });
        ours.push(one?.perSecond ?? 0);
        const bareRequests = requests.map((request) => ({ ...request, path: '/send' }));
        const [other] = await answered({
          ...times,
          port: peer.port,
          streams: [{ ...stream, requests: bareRequests }],
        });
        bare.push(other?.perSecond ?? 0);
      }
    } finally {
      await peer.stop();
    }
  });
  const ratio = median(ours) / median(bare);
  return {
    what: `accepted sends/s at ${CONNECTIONS} connections (a bare route through the same producer: ${spread(bare)})`,
    target: `≥ ${LEAST_OF_BARE} ×`,
    measured: `${spread(ours)}/s`,
    ratio,
    met: ratio >= LEAST_OF_BARE,
  };
}

async function batch(pipeline: Pipeline, port: number, quick: boolean): Promise<Row> {
  const [one] = (await answered({
    port,
    warmUpSeconds: 3,
    seconds: quick ? 4 : 12,
    streams: [{ name: 'batches', expect: 202, connections: 1, requests: batches(pipeline) }],
  })) as [Answers];
  return {
    what: `a batch of ${BATCH}, one after the other, p50 (p99 ${one.p99.toFixed(0)} ms of ${one.answered})`,
    target: `≤ ${MOST_BATCH_MS} ms`,
    measured: `${one.p50.toFixed(0)} ms`,
    ratio: one.p50 / MOST_BATCH_MS,
    met: one.p50 <= MOST_BATCH_MS,
  };
}

/** Ingress beside the engines; no sender takes what it accepts. */
async function run(context: BenchContext): Promise<Row[]> {
  const pipeline = await startPipeline({
    tenants: Array.from({ length: TENANTS }, (_, n) => `restaurant-${n}`),
    senders: 0,
    engines: context.engines,
    nodeArgs: { ingress: profiled(context, 'ingress') },
  });
  const port = Number(new URL(pipeline.ingress).port);
  try {
    const rows = await constant(pipeline, port, context.quick);
    rows.push(await peak(context, pipeline, port));
    rows.push(await batch(pipeline, port, context.quick));
    return rows;
  } finally {
    await pipeline.stop();
  }
}

export const ingress: Part = { name: 'ingress', text: 'what the API takes, and how fast it answers', run };
