import { freshDatabase, ownRedis } from '@mersal/testkit';
import { drainStage, type Drained } from '../drain.js';
import type { BenchContext, Part, Row } from '../part.js';
import { runPeer } from '../run-peer.js';
import { median, spread } from '../spread.js';

interface PeerResult {
  readonly perSecond: number;
  readonly usPerJob: number;
}

const TIMES_WITH_ROW = 3;

/** Ours and the peers in alternating rounds. */
async function run(context: BenchContext): Promise<Row[]> {
  const { engines, quick, say } = context;
  const rounds = quick ? 1 : 3;
  const size = quick ? { warmUp: 3_000, messages: 10_000 } : { warmUp: 10_000, messages: 40_000 };
  const ours: Drained[] = [];
  const peers: Record<'row' | 'empty', PeerResult[]> = { row: [], empty: [] };
  const database = await freshDatabase('bullmq', engines.postgres);
  // Redis is where its jobs are kept, so it writes them down; ours keeps nothing there that can't be lost.
  await using redis = await ownRedis({ appendOnly: true });
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await drainStage(context, { ...size, tenants: 10, conversationsEach: 1_000 }));
    for (const way of ['row', 'empty'] as const) {
      const result = await runPeer<PeerResult>('bullmq', [way, size.messages, size.warmUp], {
        REDIS_URL: redis.url,
        DATABASE_URL: database,
      });
      peers[way].push(result);
    }
    say(
      `  round ${round + 1}: Mersal ${ours.at(-1)?.perSecond.toFixed(0)}/s, BullMQ with a row ${peers.row.at(-1)?.perSecond.toFixed(0)}/s, empty ${peers.empty.at(-1)?.perSecond.toFixed(0)}/s`,
    );
  }
  const rate = median(ours.map((one) => one.perSecond));
  const withRow = median(peers.row.map((one) => one.perSecond));
  const empty = median(peers.empty.map((one) => one.perSecond));
  const mid = (key: keyof Drained): number => median(ours.map((one) => one[key]));
  const perSecond = spread(ours.map((one) => one.perSecond));
  return [
    {
      what: 'throughput against BullMQ with a Postgres row a job',
      target: `≥ ${TIMES_WITH_ROW} × ${withRow.toFixed(0)}/s`,
      measured: `${perSecond}/s`,
      ratio: rate / withRow,
      met: rate >= TIMES_WITH_ROW * withRow,
      detail: { rounds: ours, peer: peers.row },
    },
    {
      what: 'throughput against BullMQ bare, empty job',
      target: `> ${empty.toFixed(0)}/s`,
      measured: `${perSecond}/s`,
      ratio: rate / empty,
      met: rate > empty,
      detail: { peer: peers.empty },
    },
    {
      what: 'what a message costs: CPU of sender, Postgres, Kafka; WAL; transactions',
      target: '',
      measured: `${mid('senderUs').toFixed(0)} + ${mid('postgresUs').toFixed(0)} + ${mid('kafkaUs').toFixed(0)} µs; ${mid('walBytes').toFixed(0)} B; ${mid('transactions').toFixed(3)}`,
      met: null,
    },
  ];
}

export const throughput: Part = {
  name: 'throughput',
  text: 'limits lifted, the provider answers at once, durable ledger on',
  run,
};
