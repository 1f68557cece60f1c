/** Groups without a login of their own: whoever logs in for a service is made a member of its group. */
export const ROLES = ['mersal_ingress', 'mersal_sender', 'mersal_cache_metrics', 'mersal_cli'] as const;
export type Role = (typeof ROLES)[number];

/** Privileges as SQL has them, in this order: ingress, sender, cache-metrics, the operators' command line. Empty: none. */
type Grants = readonly [ingress: string, sender: string, cacheMetrics: string, cli: string];

const NONE = '';
const READ = 'select';
const ADD = 'insert';
const READ_ADD = 'select, insert';
const READ_CHANGE = 'select, update';
const KEEP = 'select, insert, update';
/** A conversation goes on with its next message, or ends. */
const ADVANCE = 'select, update, delete';
const ALL = 'select, insert, update, delete';
/** What the provider's answers change of a restaurant. */
const SUSPEND = 'select, update (status, status_reason, changed_at)';

/**
 * Who may do what with which table: the only place that says so, and complete. A table that is missing here, or more than its
 * service needs, is a fault; a table of a new migration gets its line in the same change.
 */
export const TABLE_GRANTS: Readonly<Record<string, Grants>> = {
  installation: [
    READ,
    READ,
    NONE,
    'select, update (queue, partitions, incarnation, restored_from, restored_at)',
  ],
  migration: [NONE, NONE, NONE, READ],

  tenant: [KEEP, SUSPEND, NONE, KEEP],
  account: [KEEP, READ, NONE, KEEP],
  api_key: [KEEP, NONE, NONE, KEEP],
  audit: [READ_ADD, NONE, NONE, READ_ADD],

  owner: [NONE, READ_CHANGE, NONE, ADD],
  admitted: [READ, READ_CHANGE, NONE, READ_ADD],
  range_note: [NONE, ALL, NONE, NONE],
  rate_group: [READ_CHANGE, READ_CHANGE, NONE, NONE],
  rate_member: [ALL, ALL, NONE, NONE],

  message: [KEEP, KEEP, NONE, READ_CHANGE],
  // Whoever changes messages adds to it through triggers, and puts it together by a function, with no right of its own.
  message_tally: [READ, READ, NONE, READ],
  body: [READ_ADD, READ_ADD, NONE, READ],
  lane: [ADVANCE, ALL, NONE, ALL],
  slot: [KEEP, KEEP, NONE, READ_CHANGE],
  attempt: [KEEP, KEEP, NONE, KEEP],
  callback: [READ, KEEP, NONE, READ],
  outbox: [READ_ADD, 'select, insert, delete', NONE, READ_ADD],
  message_event: [READ, READ_ADD, NONE, READ],
  dead_record: [NONE, 'select, insert, delete', NONE, NONE],
  unfiled: [READ_CHANGE, READ_ADD, NONE, READ_CHANGE],
  // The command line files opt-outs again that the log knows of and a restored ledger does not.
  suppression: [KEEP, KEEP, NONE, KEEP],
  pause: [KEEP, KEEP, NONE, KEEP],
  replay: [KEEP, NONE, NONE, KEEP],
  breaker: [ALL, ALL, NONE, NONE],
  latency: [ALL, ALL, NONE, NONE],

  template_sid: [ALL, ALL, NONE, ALL],
  cache_pane: [READ, NONE, ALL, READ],
  cache_minute: [READ, NONE, ALL, READ],
  cache_miss: [NONE, NONE, ALL, NONE],
  cache_total: [READ, NONE, KEEP, READ],
  cache_offset: [NONE, NONE, KEEP, NONE],
  cache_producer: [NONE, NONE, ALL, NONE],
  cache_watch: [NONE, NONE, READ_CHANGE, READ],
  cache_alert: [READ, NONE, ALL, READ],
  cache_alert_event: [NONE, NONE, ALL, NONE],
};

/** Sequences that statements name; those of identity columns need no right. */
export const SEQUENCE_GRANTS: Readonly<Record<string, Grants>> = {
  place: ['usage', 'usage', NONE, 'usage'],
};

/** Functions that run as the owner of the tables, and so allow what the rights on tables do not; everybody else may not call them. */
export const FUNCTION_GRANTS: Readonly<Record<string, Grants>> = {
  // A recipient's or a restaurant's data goes on request, once it has ended.
  'erase_page(integer, bytea, timestamptz, uuid, integer)': ['execute', NONE, NONE, 'execute'],
  // What is old goes, and the counts stay cheap to read, wherever messages are sent.
  'prune_page(double precision, double precision, integer)': ['execute', 'execute', NONE, NONE],
  'fold_tally()': ['execute', 'execute', NONE, NONE],
  // Triggers: they need nobody's right.
  'tally_changed()': [NONE, NONE, NONE, NONE],
  'tally_filed()': [NONE, NONE, NONE, NONE],
  'tally_forgotten()': [NONE, NONE, NONE, NONE],
};
