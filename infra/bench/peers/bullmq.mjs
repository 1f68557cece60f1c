// BullMQ on the same machine: jobs that wait in Redis are processed, 50 at once. `row`: each job writes a row into
// Postgres before it is done; `empty`: the job does nothing.
// node infra/bench/peers/bullmq.mjs <row|empty> <jobs> <warm-up>; REDIS_URL, and DATABASE_URL for `row`.
import { randomBytes } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import pg from 'pg';

const CONCURRENCY = 50;
const [way, jobs, warmUp] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const redis = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const connection = { host: redis.hostname, port: Number(redis.port) };
const name = `bench-${randomBytes(6).toString('hex')}`;
const pool =
  way === 'row'
    ? new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: CONCURRENCY })
    : undefined;
await pool?.query(
  'create table if not exists job_done (n bigint generated always as identity primary key, tenant text, phone text, text text, at timestamptz default now())',
);

let done = 0;
let wanted = 0;
let reached = () => undefined;
const worker = new Worker(
  name,
  async (job) => {
    await pool?.query({
      name: 'done',
      text: 'insert into job_done (tenant, phone, text) values ($1, $2, $3)',
      values: [job.data.restaurantId, job.data.phoneNumber, job.data.text],
    });
  },
  { connection, concurrency: CONCURRENCY, autorun: false },
);
worker.on('completed', () => {
  done += 1;
  if (done === wanted) reached();
});
worker.on('error', (error) => console.error(error));
const queue = new Queue(name, { connection });

async function fill(count) {
  for (let from = 0; from < count; from += 1_000) {
    await queue.addBulk(
      Array.from({ length: Math.min(1_000, count - from) }, (_, n) => ({
        name: 'send',
        data: {
          restaurantId: `restaurant-${n % 10}`,
          phoneNumber: `+96650${1_000_000 + n}`,
          text: `Your order #${from + n} is ready`,
        },
        opts: { removeOnComplete: true },
      })),
    );
  }
}

async function process_(count) {
  done = 0;
  wanted = count;
  const finished = new Promise((resolve) => (reached = resolve));
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await worker.resume();
  await finished;
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, usPerJob: (user + system) / count };
}

await queue.waitUntilReady();
await worker.waitUntilReady();
void worker.run();
await worker.pause();
await fill(warmUp);
await process_(warmUp);
await worker.pause();
await fill(jobs);
const result = await process_(jobs);
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
await pool?.end();
console.log(JSON.stringify(result));
