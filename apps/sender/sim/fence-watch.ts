import type { Claim, ClaimAnswer, Ownership, Settled, Settlement } from '@mersal/ledger';

/** Watches at the ledger that nothing is done for a former owner of a partition, or by the answer to a former attempt. */
export class FenceWatch {
  readonly violations: string[] = [];
  readonly #partitionOf: (tenant: number) => number | undefined;
  /** By partition: the newest epoch that was given out. */
  readonly #epochs = new Map<number, number>();

  /** By message: the newest attempt that was claimed. */
  readonly #attempts = new Map<string, number>();

  constructor(partitionOf: (tenant: number) => number | undefined) {
    this.#partitionOf = partitionOf;
  }

  /** Called with each call that the ledger answered, in the step in which it was done. */
  answered(who: string, name: string, args: readonly unknown[], answer: unknown): void {
    switch (name) {
      case 'takeOwnership': {
        const { partition, epoch } = answer as Ownership;
        this.#epochs.set(partition, Math.max(epoch, this.#epochs.get(partition) ?? 0));
        break;
      }
      case 'admitSends':
      case 'admitRetries':
      case 'applyCallbacks': {
        const own = args[0] as Ownership;
        if (this.#isFormer(own)) this.#tell(who, `${name} was done`, own);
        break;
      }
      case 'claim': {
        const owned = args[0] as readonly Ownership[];
        for (const claim of (answer as ClaimAnswer).claims) this.#claimed(who, claim, owned);
        break;
      }
      case 'settle': {
        const settled = answer as readonly Settled[];
        for (const [n, one] of (args[0] as readonly Settlement[]).entries())
          if (settled[n]?.applied === true) this.#applied(who, one);
        break;
      }
      default:
    }
  }

  /** Only a SID proves something of an attempt that is not the newest. */
  #applied(who: string, { tenant, u, attempt, sid }: Settlement): void {
    const newest = this.#attempts.get(`${tenant}/${u}`) ?? 0;
    if (sid === undefined && attempt < newest)
      this.violations.push(
        `fence: ${who} settled attempt ${newest} of ${u} by the answer to attempt ${attempt}`,
      );
  }

  #claimed(who: string, claim: Claim, owned: readonly Ownership[]): void {
    this.#attempts.set(`${claim.tenant}/${claim.u}`, claim.attempt);
    const own = owned.find(({ partition }) => partition === this.#partitionOf(claim.tenant));
    if (own && this.#isFormer(own)) this.#tell(who, 'a claim was given', own);
  }

  #isFormer({ partition, epoch }: Ownership): boolean {
    return epoch < (this.#epochs.get(partition) ?? 0);
  }

  #tell(who: string, what: string, { partition, epoch }: Ownership): void {
    this.violations.push(
      `fence: ${what} for ${who}, owner of partition ${partition} by the old epoch ${epoch}`,
    );
  }
}
