import { createConnection } from 'node:net';
import { between, faultKind, type FaultKind, pause, type Targets } from './fault.js';

export const engineFaults: readonly FaultKind[] = [
  faultKind({
    name: 'Kafka killed',
    weight: 1,
    draw: (random) => ({ downMs: between(random, 300, 3_000) }),
    inject: async ({ kafka }, { downMs }) => {
      const broker = owned(kafka);
      await broker.kill();
      await pause(downMs);
      await broker.start();
    },
  }),
  faultKind({
    name: 'Kafka stopped',
    weight: 1,
    draw: (random) => ({ downMs: between(random, 300, 3_000) }),
    inject: async ({ kafka }, { downMs }) => {
      const broker = owned(kafka);
      await broker.stop();
      await pause(downMs);
      await broker.start();
    },
  }),
  faultKind({
    name: 'Kafka frozen',
    weight: 1,
    draw: (random) => ({ ms: between(random, 1_000, 8_000) }),
    inject: async ({ kafka }, { ms }) => {
      const broker = owned(kafka);
      broker.freeze();
      await pause(ms);
      broker.thaw();
    },
  }),
  faultKind({
    name: 'Redis flushed',
    weight: 2,
    draw: () => ({}),
    inject: ({ redis }) =>
      new Promise<void>((resolve, reject) => {
        const socket = createConnection(redis.port, '127.0.0.1', () => socket.write('FLUSHALL\r\n'));
        socket.once('data', () => {
          socket.end();
          resolve();
        });
        socket.once('error', reject);
      }),
  }),
  faultKind({
    name: 'Redis stopped',
    weight: 2,
    draw: (random) =>
      ({ downMs: between(random, 300, 4_000), how: random() < 0.5 ? 'kill' : 'stop' }) as const,
    inject: async ({ redis }, { downMs, how }) => {
      await (how === 'kill' ? redis.kill() : redis.stop());
      await pause(downMs);
      await redis.start();
    },
  }),
  faultKind({
    name: 'Redis away from one sender',
    weight: 2,
    draw: (random) => ({ ms: between(random, 2_000, 6_000) }),
    inject: async ({ redisOfOne }, { ms }) => {
      redisOfOne.cut();
      await pause(ms);
      redisOfOne.mend();
      return 'sender-1';
    },
  }),
  faultKind({
    name: 'Postgres killed',
    weight: 2,
    draw: (random) => ({ downMs: between(random, 200, 2_500) }),
    inject: async ({ postgres }, { downMs }) => {
      await postgres.kill();
      await pause(downMs);
      await postgres.start();
    },
  }),
];

function owned(kafka: Targets['kafka']): NonNullable<Targets['kafka']> {
  if (!kafka) throw new Error("the run's Kafka is not its own");
  return kafka;
}
