import { createServer } from 'node:net';

import { expect, test } from 'vitest';

import { choosePort, isFree, reserve } from '../src/engines/free-port.mjs';

test('the wanted port when it is free, another below the ephemeral ports when it is not', async () => {
  const free = async (port: number) => port !== 6379;
  expect(await choosePort(9092, { free })).toBe(9092);
  const other = await choosePort(6379, { free });
  expect(other).toBeGreaterThanOrEqual(20_000);
  expect(other).toBeLessThan(32_000);
  expect(await choosePort(9092, { free, except: new Set([9092]) })).not.toBe(9092);
});

test('gives up after as many tries as it says', async () => {
  await expect(choosePort(0, { free: async () => false })).rejects.toThrow('200 tries');
});

test('a port that somebody listens on is not free', async () => {
  const port = await choosePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isFree(port)).toBe(true);
});

test('gives a port that somebody chose to nobody else, until it had its time', async () => {
  const random = (low: number): number => low + 7;
  const port = await choosePort(0, { free: async () => true, random, take: () => true });
  const taken = new Set<number>();
  const take = (one: number): boolean => !taken.has(one) && taken.add(one).has(one);
  expect(await choosePort(0, { free: async () => true, random, take })).toBe(port);
  await expect(choosePort(0, { free: async () => true, random, take })).rejects.toThrow('200 tries');

  const chosen = await choosePort();
  expect(reserve(chosen)).toBe(false);
  expect(reserve(chosen, Date.now() + 61_000)).toBe(true);
});
