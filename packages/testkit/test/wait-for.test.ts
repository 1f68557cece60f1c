import { expect, test } from 'vitest';

import { waitFor } from '../src/index.js';

test('returns the first value that is one', async () => {
  const values = [undefined, null, false as const, 0];
  let calls = 0;
  expect(await waitFor(() => values[calls++], { intervalMs: 1 })).toBe(0);
  expect(calls).toBe(4);
});

test('names what it waited for, with the last failure as cause', async () => {
  const wait = waitFor(() => Promise.reject(new Error('still closed')), {
    timeoutMs: 20,
    intervalMs: 5,
    describe: 'the door',
  });
  await expect(wait).rejects.toThrow('waited 20 ms in vain for the door');
  await expect(wait).rejects.toMatchObject({ cause: new Error('still closed') });
});
