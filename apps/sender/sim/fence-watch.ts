import type { Claim, ClaimAnswer, Ownership } from '@mersal/ledger';

/** Watches at the ledger that nothing is done for a former owner of a partition. */
export class FenceWatch {
  readonly violations: string[] = [];
  readonly #partitionOf: (tenant: number) => number | undefined;
  /** By partition: the newest epoch that was given out. */
  readonly #epochs = new Map<number, number>();

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
      default:
    }
  }

  #claimed(who: string, claim: Claim, owned: readonly Ownership[]): void {
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
