import type { Statement } from '../database.js';
import { pauseByProvider, touchTenant } from '../pauses/pauses.js';
import { suppress } from '../suppressions/suppressions.js';
import { suspendTenant } from '../tenants/tenants.js';

/**
 * What an attempt's end says of more than its message. Carried out in the settlement's transaction, before it opens the
 * conversation again: the next claim already finds it.
 */
export type Effect =
  /** The account is at fault: its restaurant's messages wait until its credentials change. */
  | {
      readonly kind: 'suspend';
      readonly tenant: number;
      readonly accountSid: string;
      /** Those that the attempt used, as its claim has them; null: whichever, the account itself is at fault. */
      readonly credentials: number | null;
      readonly reason: string;
    }
  /** The recipient opted out. `recipient` as recipientOf, `address` in full. */
  | {
      readonly kind: 'suppress';
      readonly tenant: number;
      readonly recipient: string;
      readonly address: string;
      readonly reason: string;
      readonly u: string;
    }
  /** A limit at the provider: of one number, or, with `sender` null, of the whole restaurant. */
  | {
      readonly kind: 'pause';
      readonly tenant: number;
      readonly sender: string | null;
      readonly minMs: number;
      readonly maxMs: number;
      readonly reason: string;
    };

export function effectStatements(effects: readonly Effect[]): Statement[] {
  return effects.flatMap((effect): Statement[] => {
    const { tenant } = effect;
    switch (effect.kind) {
      case 'suspend':
        return [suspendTenant(tenant, effect)];
      case 'suppress':
        return [suppress(tenant, effect)];
      case 'pause':
        return effect.sender === null
          ? [pauseByProvider({ scope: 'tenant', tenant }, effect, effect.reason), touchTenant(tenant)]
          : [pauseByProvider({ scope: 'sender', tenant, sender: effect.sender }, effect, effect.reason)];
      default:
        return effect satisfies never;
    }
  });
}
