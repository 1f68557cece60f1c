import type { SeenRequest, Violations } from '@mersal/testkit';

export interface Injected {
  readonly kind: string;
  readonly params: object;
  readonly told: string;
  /** While it was on: message requests at the provider, and those that were not answered with 201. */
  readonly met: { readonly requests: number; readonly unwell: number };
  readonly seconds: number;
  /** While it was on: POSTs that were answered with 5xx or by nobody; the client repeats them. */
  readonly apiErrors: number;
  /** From its beginning to the next one's: the longest without a request at the provider, in ms. */
  readonly standstillMs: number;
}

export interface ChaosReport {
  readonly seed: number;
  readonly messages: number;
  readonly seconds: number;
  readonly injected: readonly Injected[];
  readonly states: Readonly<Record<string, number>>;
  readonly requests: number;
  /** Requests by the HTTP status that the provider answered with; 0: with none. */
  readonly answers: Readonly<Record<string, number>>;
  readonly refusedPosts: number;
  /** From a message's first POST to its 202, in ms. */
  readonly accepting: { readonly median: number; readonly p99: number; readonly max: number };
  /** Most message requests in any 1,000 ms: by the kernel (null: no tcpdump), and by the provider's clock. */
  readonly rate: { readonly wire: number | null; readonly provider: number };
  /** Accepted twice because a sender stood still between the check of its claim's age and the socket. */
  readonly explainedDoubles: readonly string[];
  /** By the invariant's name; empty is good. */
  readonly broken: Readonly<Record<string, Violations>>;
}

/** Whether every invariant held. */
export function held(report: ChaosReport): boolean {
  return Object.values(report.broken).every((violations) => violations.length === 0);
}

export function metIn(requests: readonly SeenRequest[], from: number, to: number): Injected['met'] {
  const met = requests.filter(({ receivedAt }) => receivedAt >= from && receivedAt <= to);
  return { requests: met.length, unwell: met.filter(({ status }) => status !== 201).length };
}

export function longestGap(requests: readonly SeenRequest[], from: number, to: number): number {
  const times = requests.map(({ receivedAt }) => receivedAt).filter((at) => at >= from && at <= to);
  const edges = [from, ...times.toSorted((a, b) => a - b)];
  return Math.round(edges.reduce((most, at, n) => Math.max(most, (edges[n + 1] ?? at) - at), 0));
}

export function spread(ms: readonly number[]): ChaosReport['accepting'] {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return { median: at(0.5), p99: at(0.99), max: at(1) };
}

export function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
