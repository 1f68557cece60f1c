import type { SendRequested } from '@mersal/contracts';
import { inSpan, SpanKind, traceparentOf } from '@mersal/telemetry';
import { Problem } from '../problems/problem.js';
import { type DirectReply, directReply } from './direct-answer.js';
import type { DirectSends } from './direct-sends.js';

/** What the routes do with sends while the queue is switched off. */
export class SendNow {
  readonly #sends: Pick<DirectSends, 'send'>;

  constructor(sends: Pick<DirectSends, 'send'>) {
    this.#sends = sends;
  }

  /** Throws a Problem: nobody would be there to send it then. */
  refuseDelay(send: SendRequested): void {
    if (send.sendAt === undefined) return;
    const message = 'needs the queue, which is switched off';
    throw new Problem('validation_failed', {
      errors: [{ pointer: '/sendAt', code: 'needs_queue', message }],
    });
  }

  /** Throws a Problem where it was not sent, or LedgerError. */
  async one(send: SendRequested): Promise<DirectReply> {
    const result = await inSpan('send without the queue', { kind: SpanKind.INTERNAL }, (span) =>
      this.#sends.send(send, traceparentOf(span)),
    );
    return directReply(send, result);
  }
}
