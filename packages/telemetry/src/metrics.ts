import { type Attributes, metrics } from '@opentelemetry/api';

/** A metric as it is declared: its page in the docs is generated from these. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'histogram' | 'gauge';
  readonly unit: string;
  readonly text: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Upper bounds of the buckets of every latency, in s. */
export const LATENCY_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export const metricCatalogue = {
  mersal_http_requests: {
    kind: 'counter',
    unit: '1',
    text: 'requests that ingress answered',
    labels: ['route', 'status'],
  },
  mersal_http_duration: {
    kind: 'histogram',
    unit: 's',
    text: 'time from a request to its answer',
    labels: ['route'],
    buckets: LATENCY_BOUNDS_S,
  },
  mersal_accepted: { kind: 'counter', unit: '1', text: 'sends answered with 202', labels: [] },
  mersal_event_streams: {
    kind: 'gauge',
    unit: '1',
    text: 'event streams that are open',
    labels: [],
  },
  mersal_event_streams_ended: {
    kind: 'counter',
    unit: '1',
    text: 'event streams that were ended: key, it is not valid any more; slow, its reader took nothing; store, the database was away; drain, the instance stops',
    labels: ['reason'],
  },
  mersal_publish_duration: {
    kind: 'histogram',
    unit: 's',
    text: 'time until Kafka acknowledged a record',
    labels: ['topic'],
    buckets: LATENCY_BOUNDS_S,
  },
  mersal_publish_failures: {
    kind: 'counter',
    unit: '1',
    text: 'records that Kafka did not acknowledge in time',
    labels: ['topic', 'code'],
  },
  mersal_admitted: {
    kind: 'counter',
    unit: '1',
    text: 'records filed in the ledger',
    labels: ['topic', 'result'],
  },
  mersal_claims: {
    kind: 'counter',
    unit: '1',
    text: 'heads that were claimed, or could not be',
    labels: ['result'],
  },
  mersal_rate_instants: {
    kind: 'counter',
    unit: '1',
    text: 'instants of the global rate that were reserved, and those of them that were lost: unused, over before a request was there; late, the process woke too late for one that waited',
    labels: ['result'],
  },
  mersal_breaker_openings: {
    kind: 'counter',
    unit: '1',
    text: 'times that a breaker opened, of the provider or of an account',
    labels: ['scope'],
  },
  mersal_provider_breaker_open: {
    kind: 'gauge',
    unit: '1',
    text: "1 while the provider's breaker is open in this sender",
    labels: [],
  },
  mersal_rate_shares: {
    kind: 'gauge',
    unit: '1',
    text: '1 while the global rate is kept in equal shares, because Redis is away from a sender; 0 while through Redis',
    labels: [],
  },
  mersal_suspended_restaurants: {
    kind: 'gauge',
    unit: '1',
    text: 'restaurants in the partitions of this sender that wait for credentials that work',
    labels: [],
  },
  mersal_attempts: {
    kind: 'counter',
    unit: '1',
    text: 'calls to the provider by outcome',
    labels: ['outcome'],
  },
  mersal_attempt_duration: {
    kind: 'histogram',
    unit: 's',
    text: 'time of a call to the provider',
    labels: [],
    buckets: LATENCY_BOUNDS_S,
  },
  mersal_wait_duration: {
    kind: 'histogram',
    unit: 's',
    text: 'time from acceptance to the first request at the provider',
    labels: ['priority'],
    buckets: LATENCY_BOUNDS_S,
  },
  mersal_callbacks: { kind: 'counter', unit: '1', text: 'status callbacks by result', labels: ['result'] },
  mersal_outcomes: { kind: 'counter', unit: '1', text: 'outcome events published', labels: ['state'] },
  mersal_dead: {
    kind: 'counter',
    unit: '1',
    text: 'messages and records put into the dead-letter topic',
    labels: ['reason'],
  },
  mersal_partitions: { kind: 'gauge', unit: '1', text: 'partitions that this sender owns', labels: [] },
  mersal_heads: { kind: 'gauge', unit: '1', text: 'conversation heads in memory', labels: [] },
  mersal_in_flight: { kind: 'gauge', unit: '1', text: 'requests under way at the provider', labels: [] },
  mersal_unknown: { kind: 'gauge', unit: '1', text: 'messages with an unknown outcome', labels: [] },
  mersal_undecided: {
    kind: 'gauge',
    unit: '1',
    text: 'messages with an unknown outcome that an operator has to decide on: alert above 0',
    labels: [],
  },
  mersal_oldest_head_age: {
    kind: 'gauge',
    unit: 's',
    text: 'age of the oldest head that may go',
    labels: [],
  },
  mersal_cache_events: {
    kind: 'counter',
    unit: '1',
    text: 'template cache events counted',
    labels: ['kind'],
  },
  mersal_cache_alerts: {
    kind: 'counter',
    unit: '1',
    text: 'alerts of the template cache told: opened, updated, closed',
    labels: ['scope', 'state', 'cause'],
  },
  mersal_cache_alerts_open: {
    kind: 'gauge',
    unit: '1',
    text: 'spikes of misses of the template cache that are open, the same by every instance',
    labels: [],
  },
  mersal_cache_webhook: {
    kind: 'counter',
    unit: '1',
    text: 'calls of the webhook for alerts, by outcome: done, failed, given_up',
    labels: ['outcome'],
  },
  mersal_cache_judged_age: {
    kind: 'gauge',
    unit: 's',
    text: 'how far the newest judged window of the template cache lies behind',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricCatalogue;
type NamesOf<K extends MetricDefinition['kind']> = {
  [N in MetricName]: (typeof metricCatalogue)[N]['kind'] extends K ? N : never;
}[MetricName];

export interface Metrics {
  count(name: NamesOf<'counter'>, labels?: Attributes, by?: number): void;
  /** `seconds`: the histograms are all of times. */
  observe(name: NamesOf<'histogram'>, seconds: number, labels?: Attributes): void;
  /** Reads `value` whenever metrics are collected; null: it can't be known, and nothing is reported. */
  gauge(name: NamesOf<'gauge'>, value: () => number | null): void;
}

/** Instruments of the declared catalogue; a name that is not in it does not compile. */
export function createMetrics(): Metrics {
  const meter = metrics.getMeter('mersal');
  const counters = new Map<string, ReturnType<typeof meter.createCounter>>();
  const histograms = new Map<string, ReturnType<typeof meter.createHistogram>>();
  for (const [name, definition] of Object.entries(metricCatalogue) as [MetricName, MetricDefinition][]) {
    const shared = { description: definition.text, unit: definition.unit };
    if (definition.kind === 'counter') counters.set(name, meter.createCounter(name, shared));
    if (definition.kind === 'histogram') {
      const advice = { explicitBucketBoundaries: [...(definition.buckets ?? LATENCY_BOUNDS_S)] };
      histograms.set(name, meter.createHistogram(name, { ...shared, advice }));
    }
  }
  return {
    count: (name, labels, by = 1) => counters.get(name)?.add(by, labels),
    observe: (name, seconds, labels) => histograms.get(name)?.record(seconds, labels),
    gauge: (name, value) => {
      const { text, unit } = metricCatalogue[name];
      meter.createObservableGauge(name, { description: text, unit }).addCallback((result) => {
        const now = value();
        if (now !== null) result.observe(now);
      });
    },
  };
}
