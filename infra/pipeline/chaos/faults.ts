import type { ownKafka, ownPostgres, ownRedis, Pipeline } from '@mersal/testkit';

export interface Targets {
  readonly pipeline: Pipeline;
  readonly kafka: Awaited<ReturnType<typeof ownKafka>>;
  readonly redis: Awaited<ReturnType<typeof ownRedis>>;
  readonly postgres: Awaited<ReturnType<typeof ownPostgres>>;
}

/** One kind of fault. Resolves once it is over and what it stopped is up again. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  inject(targets: Targets, random: () => number): Promise<string>;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const between = (random: () => number, low: number, high: number): number =>
  Math.round(low + random() * (high - low));

function someSender(pipeline: Pipeline, random: () => number) {
  const senders = [...pipeline.services].filter(
    ([name, service]) => name.startsWith('sender-') && service.ended === undefined,
  );
  return senders[Math.floor(random() * senders.length)];
}

export const faults: readonly Fault[] = [
  {
    name: 'sender killed',
    weight: 4,
    async inject({ pipeline }, random) {
      const sender = someSender(pipeline, random);
      if (!sender) return 'no sender runs';
      sender[1].signal('SIGKILL');
      await pause(between(random, 200, 3_000));
      await pipeline.startSender(sender[0]);
      return sender[0];
    },
  },
  {
    name: 'sender frozen',
    weight: 3,
    async inject({ pipeline }, random) {
      const sender = someSender(pipeline, random);
      if (!sender) return 'no sender runs';
      const ms = between(random, 500, 14_000);
      sender[1].signal('SIGSTOP');
      await pause(ms);
      sender[1].signal('SIGCONT');
      return `${sender[0]} for ${ms} ms`;
    },
  },
  {
    name: 'sender restarted',
    weight: 3,
    async inject({ pipeline }, random) {
      const sender = someSender(pipeline, random);
      if (!sender) return 'no sender runs';
      const code = await sender[1].stop();
      await pipeline.startSender(sender[0]);
      return `${sender[0]} ended with ${code}`;
    },
  },
  {
    name: 'Kafka restarted',
    weight: 1,
    async inject({ kafka }, random) {
      await kafka.kill();
      await pause(between(random, 500, 3_000));
      await kafka.start();
      return 'killed and started';
    },
  },
  {
    name: 'Redis flushed',
    weight: 2,
    async inject({ redis }) {
      const { createConnection } = await import('node:net');
      await new Promise<void>((resolve, reject) => {
        const socket = createConnection(redis.port, '127.0.0.1', () => socket.write('FLUSHALL\r\n'));
        socket.once('data', () => (socket.end(), resolve()));
        socket.once('error', reject);
      });
      return 'all keys';
    },
  },
  {
    name: 'Redis restarted',
    weight: 2,
    async inject({ redis }, random) {
      await redis.kill();
      await pause(between(random, 500, 4_000));
      await redis.start();
      return 'killed and started';
    },
  },
  {
    name: 'Postgres restarted',
    weight: 2,
    async inject({ postgres }, random) {
      await postgres.kill();
      await pause(between(random, 200, 2_000));
      await postgres.start();
      return 'killed and started';
    },
  },
  {
    name: 'provider misbehaves',
    weight: 5,
    async inject({ pipeline }, random) {
      const actions: readonly object[] = [
        { action: 'drop_after_accept' },
        { action: 'drop_before_accept' },
        { action: 'hang' },
        { action: 'hang_after_accept' },
        { action: 'truncate' },
        { action: 'garbage' },
        { action: 'error', httpStatus: 500 },
        { action: 'error', httpStatus: 503, code: 20503 },
        { action: 'error', httpStatus: 429, code: 20429, retryAfterS: 1 },
      ];
      const action = actions[Math.floor(random() * actions.length)];
      const rate = random() < 0.5 ? 0.05 : 0.3;
      await pipeline.simulator.faults({
        seed: between(random, 1, 1_000_000),
        latency: { distribution: 'lognormal', medianMs: 80, sigma: 0.6 },
        rules: [{ match: {}, ...action, rate }],
      });
      await pause(between(random, 1_000, 4_000));
      await pipeline.simulator.faults({ latency: { distribution: 'lognormal', medianMs: 80, sigma: 0.6 } });
      return JSON.stringify({ ...action, rate });
    },
  },
];

/** The next fault, by weight. */
export function pickFault(random: () => number): Fault {
  const total = faults.reduce((sum, fault) => sum + fault.weight, 0);
  let at = random() * total;
  const found = faults.find((fault) => {
    at -= fault.weight;
    return at < 0;
  });
  if (!found) throw new RangeError('the random number was not below 1');
  return found;
}
