import { z } from 'zod';
import { type Latency, latencySchema, sampleLatency } from './latency.js';
import { seededRandom } from './seeded-random.js';

/** What a rule does to a request. Those of the connection: the first that matches; `async_fail` and `no_callback` add up. */
export const faultActions = [
  'error',
  'drop_before_accept',
  'drop_after_accept',
  'hang',
  'hang_after_accept',
  'truncate',
  'garbage',
  'async_fail',
  'no_callback',
] as const;

/** Routes by name: `messages` is create, fetch and list of messages, `content` all of Content. */
export const faultRoutes = ['create', 'fetch', 'list', 'messages', 'content', 'content_create'] as const;
export type Route = 'create' | 'fetch' | 'list' | 'content' | 'content_create';

const ruleSchema = z.strictObject({
  match: z
    .strictObject({
      account: z.string().optional(),
      to: z.string().optional(),
      route: z.enum(faultRoutes).optional(),
    })
    .default({}),
  action: z.enum(faultActions),
  code: z.int().positive().optional(),
  httpStatus: z.int().min(300).max(599).optional(),
  retryAfterS: z.number().min(0).optional(),
  /** Share of the matching requests, 0–1. Default: all. */
  rate: z.number().min(0).max(1).optional(),
  /** For that many requests, then the rule is spent. */
  count: z.int().positive().optional(),
});

export const faultScriptSchema = z.strictObject({
  latency: latencySchema.optional(),
  rules: z.array(ruleSchema).max(1_000).default([]),
  /** Every API request fails meanwhile: by HTTP 503, or by a reset connection. */
  outage: z
    .strictObject({ seconds: z.number().min(0).max(86_400), mode: z.enum(['http', 'reset']).default('http') })
    .optional(),
  seed: z.int().default(1),
});

export type FaultScript = z.infer<typeof faultScriptSchema>;
export type FaultRule = z.infer<typeof ruleSchema>;

export interface FaultDecision {
  readonly latencyMs: number;
  readonly outage: 'http' | 'reset' | undefined;
  /** The rule that answers for the request, if any. */
  readonly response: FaultRule | undefined;
  /** The rule that makes an accepted message fail later, if any. */
  readonly asyncFail: FaultRule | undefined;
  readonly noCallback: boolean;
}

const quiet: FaultDecision = {
  latencyMs: 0,
  outage: undefined,
  response: undefined,
  asyncFail: undefined,
  noCallback: false,
};

/** A fault script at work. Pure but for its seeded randomness and the counts of its rules. */
export class Faults {
  #script: FaultScript | undefined;
  #latency: Latency | undefined;
  #left: number[] = [];
  #outageUntil = 0;
  #random = seededRandom(1);
  readonly #baseLatency: Latency | undefined;

  constructor(baseLatency?: Latency) {
    this.#baseLatency = baseLatency;
    this.#latency = baseLatency;
  }

  /** Replaces the script; `nowMs` starts an outage. */
  load(script: FaultScript, nowMs: number): void {
    this.#script = script;
    this.#latency = script.latency ?? this.#baseLatency;
    this.#left = script.rules.map((rule) => rule.count ?? Number.POSITIVE_INFINITY);
    this.#outageUntil = script.outage ? nowMs + script.outage.seconds * 1_000 : 0;
    this.#random = seededRandom(script.seed);
  }

  clear(): void {
    this.#script = undefined;
    this.#latency = this.#baseLatency;
    this.#outageUntil = 0;
  }

  /** How the request of this route, account and recipient fares; each rule that is taken is used up by one. */
  decide(request: { route: Route; account: string; to?: string | undefined }, nowMs: number): FaultDecision {
    const script = this.#script;
    if (!script && !this.#latency) return quiet;
    const latencyMs = this.#latency ? sampleLatency(this.#latency, this.#random) : 0;
    if (!script) return { ...quiet, latencyMs };
    if (nowMs < this.#outageUntil) return { ...quiet, latencyMs: 0, outage: script.outage?.mode };
    let response: FaultRule | undefined;
    let asyncFail: FaultRule | undefined;
    let noCallback = false;
    for (const [index, rule] of script.rules.entries()) {
      const later = rule.action === 'async_fail' || rule.action === 'no_callback';
      if (later ? request.route !== 'create' : response !== undefined) continue;
      if (!this.#takes(index, rule, request)) continue;
      if (rule.action === 'no_callback') noCallback = true;
      else if (rule.action === 'async_fail') asyncFail ??= rule;
      else response = rule;
    }
    return { latencyMs, outage: undefined, response, asyncFail, noCallback };
  }

  #takes(
    index: number,
    rule: FaultRule,
    request: { route: Route; account: string; to?: string | undefined },
  ): boolean {
    const left = this.#left[index] ?? 0;
    if (left <= 0 || !matches(rule, request)) return false;
    if (rule.rate !== undefined && this.#random() >= rule.rate) return false;
    this.#left[index] = left - 1;
    return true;
  }
}

function matches(
  rule: FaultRule,
  request: { route: Route; account: string; to?: string | undefined },
): boolean {
  const { account, to, route } = rule.match;
  if (account !== undefined && account !== request.account) return false;
  if (to !== undefined && bare(to) !== bare(request.to ?? '')) return false;
  switch (route) {
    case undefined:
      // without a route a rule is about sending: a listing that fails too must be asked for
      return request.route === 'create';
    case 'messages':
      return request.route === 'create' || request.route === 'fetch' || request.route === 'list';
    case 'content':
      return request.route === 'content' || request.route === 'content_create';
    default:
      return request.route === route;
  }
}

function bare(address: string): string {
  return address.replace(/^whatsapp:/, '');
}
