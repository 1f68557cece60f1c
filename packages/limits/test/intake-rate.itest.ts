import { engines, randomName } from '@mersal/testkit';
import { expect, it } from 'vitest';
import { connectRedis, createIntakeRate, redisReady } from '@mersal/limits';

it('holds over several processes while Redis is there, and in each by itself while it is not', async () => {
  const { redis: url } = await engines();
  const prefix = randomName('intake');
  const errors: unknown[] = [];
  const processes = await Promise.all(
    [1, 2, 3].map(async () => {
      const redis = connectRedis({ url, onError: () => undefined });
      await redisReady(redis, 10_000);
      const rate = createIntakeRate({
        perSecond: 0.01,
        redis,
        prefix,
        now: () => performance.now(),
        onError: (error) => errors.push(error),
      });
      return { redis, rate };
    }),
  );
  try {
    const answers = await Promise.all(processes.map(({ rate }) => rate.take('r1', 1)));
    expect(answers.filter(({ admitted }) => admitted)).toHaveLength(1);
    expect(answers.map(({ limit }) => limit)).toEqual([1, 1, 1]);
    expect(answers.find(({ admitted }) => !admitted)?.retryMs).toBeGreaterThan(90_000);
    expect(await processes[0]?.rate.take('r2', 1)).toMatchObject({ admitted: true });
    expect(errors).toEqual([]);

    for (const { redis } of processes) redis.disconnect();
    const alone = await Promise.all(processes.map(({ rate }) => rate.take('r3', 1)));
    expect(alone.filter(({ admitted }) => admitted)).toHaveLength(3);
    expect(await processes[0]?.rate.take('r3', 1)).toMatchObject({ admitted: false });
    expect(errors).toHaveLength(3);
  } finally {
    for (const { redis } of processes) redis.disconnect();
  }
});
