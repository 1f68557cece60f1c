/**
 * What the dashboard shows, row by row: `[title, unit, queries]`, queries by their legend. A legend may name a label: `{{label}}`.
 *
 * @typedef {object} Row
 * @property {string} title
 * @property {readonly Panel[]} panels
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} [unit] Grafana's word for it; none: a number
 * @property {'timeseries' | 'stat'} [type]
 * @property {Readonly<Record<string, string>>} queries
 * @property {Readonly<Record<string, string>>} [words] shown instead of these values
 * @property {number} [badFrom] red from this value on
 */

const quantile = (/** @type {number} */ q, /** @type {string} */ metric, by = '') =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${metric}_bucket[5m])))`;
const perSecond = (/** @type {string} */ metric, by = '') =>
  `sum${by === '' ? '' : ` by (${by})`} (rate(${metric}[1m]))`;

/** @type {readonly Row[]} */
export const rows = [
  {
    title: 'Now',
    panels: [
      {
        title: 'Oldest that may go',
        unit: 's',
        type: 'stat',
        badFrom: 120,
        queries: { age: 'max(mersal_oldest_head_age)' },
      },
      {
        title: 'Wait for a decision',
        type: 'stat',
        badFrom: 1,
        queries: { undecided: 'sum(mersal_undecided)' },
      },
      {
        title: 'Breaker of the provider',
        type: 'stat',
        badFrom: 1,
        words: { 0: 'closed', 1: 'open' },
        queries: { breaker: 'max(mersal_provider_breaker_open)' },
      },
      {
        title: 'The rate is kept',
        type: 'stat',
        badFrom: 1,
        words: { 0: 'through Redis', 1: 'in shares' },
        queries: { mode: 'max(mersal_rate_shares)' },
      },
      {
        title: 'Suspended restaurants',
        type: 'stat',
        badFrom: 1,
        queries: { suspended: 'sum(mersal_suspended_restaurants)' },
      },
      {
        title: 'Spikes of cache misses',
        type: 'stat',
        badFrom: 1,
        queries: { open: 'max(mersal_cache_alerts_open)' },
      },
    ],
  },
  {
    title: 'Messages',
    panels: [
      {
        title: 'Taken, and attempts by outcome',
        unit: 'ops',
        queries: {
          'taken into the queue': perSecond('mersal_accepted_total'),
          '{{outcome}}': perSecond('mersal_attempts_total', 'outcome'),
        },
      },
      {
        title: 'Sent without the queue: answered 200; refused: 503',
        unit: 'ops',
        queries: {
          '{{status}}': perSecond(
            'mersal_http_requests_total{route="/api/whatsapp/send",status=~"200|503"}',
            'status',
          ),
        },
      },
      {
        title: 'From acceptance to the first request, by priority',
        unit: 's',
        queries: {
          'p50 of priority {{priority}}': quantile(0.5, 'mersal_wait_duration', 'priority'),
          'p99 of priority {{priority}}': quantile(0.99, 'mersal_wait_duration', 'priority'),
        },
      },
      {
        title: 'Outcomes',
        unit: 'ops',
        queries: { '{{state}}': perSecond('mersal_outcomes_total', 'state') },
      },
      {
        title: 'Dead letters by reason, in the last hour',
        queries: {
          '{{reason}}': 'sum by (reason) (increase(mersal_dead_total[1h]))',
        },
      },
      {
        title: 'Unknown outcomes, and those that nobody but an operator can end',
        queries: {
          unknown: 'sum(mersal_unknown)',
          undecided: 'sum(mersal_undecided)',
        },
      },
    ],
  },
  {
    title: 'Senders and the provider',
    panels: [
      {
        title: 'Oldest head that may go',
        unit: 's',
        queries: { age: 'max(mersal_oldest_head_age)' },
      },
      {
        title: 'At the provider, in memory',
        queries: {
          'in flight': 'sum(mersal_in_flight)',
          heads: 'sum(mersal_heads)',
        },
      },
      {
        title: 'A request at the provider',
        unit: 's',
        queries: {
          p50: quantile(0.5, 'mersal_attempt_duration'),
          p95: quantile(0.95, 'mersal_attempt_duration'),
          p99: quantile(0.99, 'mersal_attempt_duration'),
        },
      },
      {
        title: 'Breakers: open now, and openings in five minutes',
        queries: {
          'open in so many senders': 'sum(mersal_provider_breaker_open)',
          'opened: {{scope}}': 'sum by (scope) (increase(mersal_breaker_openings_total[5m]))',
        },
      },
      {
        title: 'Instants of the global rate: reserved, and lost',
        unit: 'ops',
        queries: {
          '{{result}}': perSecond('mersal_rate_instants_total', 'result'),
        },
      },
      {
        title: 'Senders that keep the rate in shares',
        queries: { senders: 'sum(mersal_rate_shares)' },
      },
      {
        title: 'Heads claimed, or refused',
        unit: 'ops',
        queries: { '{{result}}': perSecond('mersal_claims_total', 'result') },
      },
      {
        title: 'Partitions of each sender',
        queries: { '{{instance}}': 'sum by (instance) (mersal_partitions)' },
      },
    ],
  },
  {
    title: 'Ingress and Kafka',
    panels: [
      {
        title: 'Answers by status',
        unit: 'ops',
        queries: {
          '{{status}}': perSecond('mersal_http_requests_total', 'status'),
        },
      },
      {
        title: 'Time to an answer, p99 by route',
        unit: 's',
        queries: {
          '{{route}}': quantile(0.99, 'mersal_http_duration', 'route'),
        },
      },
      {
        title: 'Kafka: time to acknowledge, p99',
        unit: 's',
        queries: {
          '{{topic}}': quantile(0.99, 'mersal_publish_duration', 'topic'),
        },
      },
      {
        title: 'Kafka: not acknowledged in time',
        unit: 'ops',
        queries: {
          '{{topic}} {{code}}': perSecond('mersal_publish_failures_total', 'topic, code'),
        },
      },
      {
        title: 'Filed in the ledger',
        unit: 'ops',
        queries: {
          '{{topic}} {{result}}': perSecond('mersal_admitted_total', 'topic, result'),
        },
      },
      {
        title: 'Status callbacks',
        unit: 'ops',
        queries: {
          '{{result}}': perSecond('mersal_callbacks_total', 'result'),
        },
      },
      {
        title: 'Event streams: open, and ended in five minutes',
        queries: {
          open: 'sum(mersal_event_streams)',
          'ended: {{reason}}': 'sum by (reason) (increase(mersal_event_streams_ended_total[5m]))',
        },
      },
    ],
  },
  {
    title: 'Template cache',
    panels: [
      {
        title: 'Hit rate',
        unit: 'percentunit',
        queries: {
          'hit rate':
            'sum(rate(mersal_cache_events_total{kind="hit"}[5m])) / sum(rate(mersal_cache_events_total{kind=~"hit|miss"}[5m]))',
        },
      },
      {
        title: 'Events by kind',
        unit: 'ops',
        queries: { '{{kind}}': perSecond('mersal_cache_events_total', 'kind') },
      },
      {
        title: 'Spikes: open, and alerts in an hour',
        queries: {
          open: 'max(mersal_cache_alerts_open)',
          '{{state}}: {{scope}} {{cause}}':
            'sum by (scope, state, cause) (increase(mersal_cache_alerts_total[1h]))',
        },
      },
      {
        title: 'How far the judging of windows lies behind',
        unit: 's',
        queries: { age: 'min(mersal_cache_judged_age)' },
      },
      {
        title: 'Calls of the webhook',
        queries: {
          '{{outcome}}': 'sum by (outcome) (increase(mersal_cache_webhook_total[5m]))',
        },
      },
    ],
  },
];
