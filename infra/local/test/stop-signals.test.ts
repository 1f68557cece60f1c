import { expect, test } from 'vitest';

import { StopSignals } from '../src/stop-signals.mjs';

test('signals within 500 ms count once, a later one forces', () => {
  const said: string[] = [];
  let now = 1_000;
  const signals = new StopSignals({
    onStop: (signal) => said.push(signal),
    onForce: () => said.push('force'),
    now: () => now,
  });
  signals.take('SIGINT');
  now += 500;
  signals.take('SIGTERM');
  expect(said).toEqual(['SIGINT']);
  now += 1;
  signals.take('SIGINT');
  expect(said).toEqual(['SIGINT', 'force']);
});
