import { expect, it } from 'vitest';
import { requirePartitions } from '../src/index.js';

it('the same number everywhere is fine; another, more or fewer, is refused by its code, with what to do instead', () => {
  requirePartitions(
    new Map([
      ['send', 12],
      ['retry', 12],
    ]),
    12,
  );
  for (const count of [11, 13]) {
    const topics = new Map([
      ['send', 12],
      ['retry', count],
    ]);
    expect(() => requirePartitions(topics, 12)).toThrow(
      expect.objectContaining({
        code: 'partition_count',
        message: expect.stringMatching(
          new RegExp(`^retry has ${count} partitions, the ledger has 12\\. .*WHATSAPP_SEND_QUEUE_NAME`),
        ),
      }),
    );
  }
});
