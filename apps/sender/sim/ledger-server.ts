import type { Claim, ClaimAnswer, Ledger, Ownership } from '@mersal/ledger';
import type { MemoryLedger } from '@mersal/ledger/memory';
import type { FenceWatch } from './fence-watch.js';
import type { Host } from './host.js';
import { call, type Weather } from './network.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

export interface LedgerServer {
  readonly ledger: MemoryLedger;
  readonly weather: Weather;
  /** The share of settlements that are done and whose answer is lost. */
  lostSettlements: number;
  readonly timeline: Timeline;
  readonly random: Random;
  readonly tell: (who: string, what: string) => void;
  readonly fences: FenceWatch;
  readonly onClaims: (claims: readonly Claim[]) => Promise<void>;
}

/** The ledger as one sender reaches it. */
export function ledgerOver(server: LedgerServer, host: Host): Ledger {
  const real = server.ledger as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const remote = Object.keys(real).map((name) => [
    name,
    (...args: unknown[]): Promise<unknown> =>
      call(server, host, name === 'settle' ? settling(server) : server.weather, async () => {
        const answer = await real[name]?.apply(real, args);
        server.fences.answered(host.name, name, args, answer);
        note(server, host, name, args, answer);
        if (name === 'claim' && (answer as ClaimAnswer).claims.length > 0) host.claimed();
        if (name === 'claim') await server.onClaims((answer as ClaimAnswer).claims);
        return answer;
      }),
  ]);
  return Object.fromEntries(remote) as Ledger;
}

function settling({ weather, lostSettlements }: LedgerServer): Weather {
  return { ...weather, failAfter: Math.max(weather.failAfter, lostSettlements) };
}

/** What the story tells of the ledger. */
function note(server: LedgerServer, host: Host, name: string, args: unknown[], answer: unknown): void {
  const { tell } = server;
  switch (name) {
    case 'claim':
      for (const one of (answer as ClaimAnswer).claims)
        tell(host.name, `claims ${short(one.u)} attempt ${one.attempt} slot ${one.slot}`);
      break;
    case 'settle':
      for (const [at, one] of (
        args[0] as { u: string; attempt: number; state: number; outcome: string | null }[]
      ).entries()) {
        const { applied } = (answer as { applied: boolean }[])[at] ?? { applied: false };
        tell(
          host.name,
          `settles ${short(one.u)} attempt ${one.attempt} ${one.outcome ?? 'released'} → ${one.state}${applied ? '' : ' (not applied)'}`,
        );
      }
      break;
    case 'takeOwnership':
      tell(host.name, `takes partition ${String(args[0])}, epoch ${(answer as Ownership).epoch}`);
      break;
    case 'admitSends':
    case 'admitRetries':
    case 'applyCallbacks': {
      const { first, next } = args[1] as { first: bigint; next: bigint };
      tell(host.name, `${name} ${(args[0] as Ownership).partition}: ${first}–${next}`);
      break;
    }
    case 'leaveUndecided':
      tell(host.name, `leaves ${short(String(args[1]))} undecided`);
      break;
    default:
  }
}

export function short(u: string): string {
  return u.slice(-4);
}
