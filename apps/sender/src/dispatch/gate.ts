import type { Clock, TenantPace } from '@mersal/delivery';
import type { Breakers, Dispatcher, Head, StartedBoth } from '@mersal/lanes';
import type { TenantDirectory } from '../tenants/tenant-directory.js';

/** A head that may go, as far as the sender itself can tell. */
export interface Candidate {
  readonly head: Head;
  /** Whose breaker let it through. */
  readonly account: string;
  readonly started: StartedBoth;
}

export interface GateParts {
  readonly dispatcher: Dispatcher;
  readonly tenants: TenantDirectory;
  readonly breakers: Breakers;
  readonly pace: TenantPace;
  readonly clock: Clock;
}

/**
 * Picked heads that may be claimed, as far as the sender itself can tell: their account's breaker lets them through, and their
 * restaurant is within its own rate. The others go back, and their restaurant leaves the ring until its time comes.
 */
export class Gate {
  readonly #parts: GateParts;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  async admit(picked: readonly Head[]): Promise<readonly Candidate[]> {
    const { dispatcher, breakers, pace, clock } = this.#parts;
    const paces = await pace.of(picked);
    const now = clock.now();
    const candidates: Candidate[] = [];
    for (const [n, head] of picked.entries()) {
      const its = paces[n];
      if (its?.go === false) {
        dispatcher.putBack(head);
        dispatcher.defer(head.tenant, its.until);
        continue;
      }
      const account = this.#accountOf(head);
      if (breakers.permits(account, now) > 0) {
        candidates.push({ head, account, started: breakers.started(account, now) });
        continue;
      }
      dispatcher.putBack(head);
      dispatcher.defer(head.tenant, Math.max(now + 1, breakers.retryAt(account, now) ?? now));
    }
    return candidates;
  }

  /** The head does not go after all. */
  abandon({ account, started }: Candidate): void {
    this.#parts.breakers.abandoned(account, started);
  }

  #accountOf(head: Head): string {
    return this.#parts.tenants.byId(head.tenant)?.accountSid ?? '';
  }
}
