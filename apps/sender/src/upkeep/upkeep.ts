import { setMaxListeners } from 'node:events';
import { type Chore, type Clock, keepingChores, repeat } from '@mersal/delivery';
import type { Ledger, Ownership } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import type { Dispatch } from '../dispatch/dispatch.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import type { VitalSigns } from './vital-signs.js';
import type { TenantDirectory } from '../tenants/tenant-directory.js';

export interface UpkeepParts {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly owned: OwnedPartitions;
  readonly tenants: TenantDirectory;
  readonly reconcile: () => Promise<number>;
  readonly outboxFilled: () => void;
  readonly onFenced: (own: Ownership) => void;
  readonly vitals: VitalSigns;
  readonly onFatal: (error: unknown) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MOST = 500;

/** What has to be looked at again and again because only time makes it true. Each chore runs by itself, never twice at once. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  start(): void {
    // One for each chore that waits.
    setMaxListeners(20, this.#stop.signal);
    this.#running = Promise.all(this.#chores().map((chore) => this.#repeated(chore)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #chores(): Chore[] {
    const { ledger, dispatch, owned, tenants, reconcile, outboxFilled, onFenced, logger } = this.#parts;
    return [
      {
        name: 'wake',
        everyMs: 200,
        run: async () => {
          const heads = await ledger.wake(owned.all, MOST);
          await dispatch.prepare([...new Set(heads.map((head) => head.tenant))]);
          dispatch.offer(heads);
        },
      },
      { name: 'tenants', everyMs: 1_000, run: () => tenants.refresh() },
      {
        name: 'pauses',
        everyMs: 1_000,
        run: async () => dispatch.hearPauses(await ledger.readPauses()),
      },
      {
        // Nothing else tells where no record comes and no head is ready: what waits for its time would wait for ever.
        name: 'fences',
        everyMs: 2_000,
        run: async () => {
          for (const own of await ledger.fenced(owned.all)) onFenced(own);
        },
      },
      {
        name: 'heads',
        everyMs: 1_000,
        run: async () => {
          const heads = await ledger.passEnded(dispatch.refused.take());
          if (heads.length > 0)
            logger.warn({ conversations: heads.length }, 'conversations whose head had ended go on');
          dispatch.offer(heads);
        },
      },
      { name: 'scan', everyMs: 1_000, run: () => dispatch.scan(owned.numbers) },
      {
        name: 'expire',
        everyMs: 1_000,
        run: async () => {
          if ((await ledger.expire(owned.all, MOST)) > 0) outboxFilled();
        },
      },
      {
        name: 'leases',
        everyMs: 2_000,
        run: async () => {
          const overdue = await ledger.overdueClaims(owned.numbers);
          if (overdue.length === 0) return;
          logger.error(
            { messages: overdue.length },
            'leases ended without an answer: their messages are unknown',
          );
          await ledger.settle(overdue);
          outboxFilled();
        },
      },
      {
        name: 'reconcile',
        everyMs: 1_000,
        run: async () => {
          if ((await reconcile()) > 0) outboxFilled();
        },
      },
      {
        name: 'stuck retries',
        everyMs: 10_000,
        run: async () => {
          const again = await ledger.republishStuckRetries(owned.numbers);
          if (again > 0)
            logger.warn({ messages: again }, 'retries whose record did not come back are published again');
          if (again > 0) outboxFilled();
        },
      },
      { name: 'vitals', everyMs: 5_000, run: () => this.#parts.vitals.read(owned.numbers) },
      ...keepingChores(ledger, logger),
    ];
  }

  /** But for the restaurants all chores are about partitions, and wait for the first. */
  #repeated(chore: Chore): Promise<void> {
    const { owned, clock, logger, onFatal } = this.#parts;
    const run = async (signal: AbortSignal): Promise<void> => {
      if (owned.size > 0 || chore.name === 'tenants') await chore.run(signal);
    };
    return repeat({ ...chore, run }, { clock, logger, signal: this.#stop.signal }).catch(onFatal);
  }
}
