import { Breakers } from '@mersal/lanes';
import type { OutcomeCause } from '@mersal/twilio-gateway';
import { describe, expect, it } from 'vitest';
import { report } from '../src/outcome/report-to-breakers.js';

/** Ten requests of as many messages that start at once and end so at that moment; whether one of them opened a breaker. */
function tenFail(breakers: Breakers, cause: OutcomeCause, from: number, at: number): boolean {
  const started = Array.from({ length: 10 }, () => breakers.started('AC', from));
  const outcome = { class: 'not_sent', cause } as const;
  return started.some(
    (one, n) =>
      report(breakers, { claim: { u: `${at}-${n}`, accountSid: 'AC' }, started: one, outcome }, at).length >
      0,
  );
}

describe('connections that were not made', () => {
  it('in time open no breaker before they have failed for five seconds', () => {
    const breakers = new Breakers();
    for (let from = 0; from < 4_000; from += 800)
      expect(tenFail(breakers, 'connect_timeout', from, from + 800)).toBe(false);
    expect(tenFail(breakers, 'connect_timeout', 4_200, 5_000)).toBe(true);
  });
  it('because nobody listens open it at once', () => {
    expect(tenFail(new Breakers(), 'connect', 0, 1)).toBe(true);
  });
});
