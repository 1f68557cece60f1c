export { type AuditEntry, auditRow, listAudit } from './audit/audit.js';
export {
  addPanes,
  type CountedBatch,
  type CountedRange,
  type MissCount,
  type PaneCount,
  type TotalCount,
} from './cache/add-panes.js';
export { callAlertWebhook, publishAlertEvents, type WaitingAlertEvent } from './cache/alert-events.js';
export { type CacheAlert, readCacheAlerts, readCacheAlertsBetween } from './cache/alerts.js';
export type { KeyCounts } from './cache/counts.js';
export { type CacheHistoryEntry, readCacheHistory } from './cache/history.js';
export {
  type CacheAlertEvent,
  type Judged,
  type JudgedWindow,
  type JudgeOptions,
  judgeCacheWindows,
} from './cache/judge-windows.js';
export { noteCacheReadTo, type ReadTo, readCacheOffset, readCacheProducers } from './cache/offsets.js';
export {
  readCacheFirstTimes,
  readCacheJudgedTo,
  readCacheMinutes,
  type RecordedMinute,
} from './cache/recorded.js';
export { type CacheRetention, pruneCachePanes } from './cache/retention.js';
export { type CacheTotals, readCacheTotals, readCacheWindow } from './cache/totals.js';
export type { CacheEvidence, CacheWindowSums, CacheWindows } from './cache/windows.js';
export {
  CredentialError,
  type CredentialKeys,
  parseCredentialKeys,
  type Sealed,
  seal,
  unseal,
} from './credentials.js';
export { type Database, type DatabaseOptions, openDatabase, type Row, type Statement } from './database.js';
export type { EventFeed, EventPlace, MessageEvent } from './events/message-events.js';
export { LedgerError, type LedgerErrorCode } from './errors.js';
export type { CancelResult, Ledger, QueueCounts, Range } from './ledger.js';
export type { Redrive, Retry } from './messages/admit-retries.js';
export type { Head, NewMessage } from './messages/admit-sends.js';
export type {
  Callback,
  CallbackDecision,
  CallbackResult,
  CallbackRule,
  CallbackView,
  GoneTemplate,
} from './messages/callbacks.js';
export type { Candidate, Claim, ClaimAnswer, ClaimLimits } from './messages/claim.js';
export type {
  DeadFilter,
  DeadGroup,
  DeadLetter,
  DeadPage,
  DeadPlace,
  RedriveRefusal,
} from './messages/dead-letters.js';
export type { DeadRecord } from './messages/dead-records.js';
export type { UnknownDecision, UnknownEntry } from './messages/decide.js';
export type { Effect } from './messages/effects.js';
export type { DirectAnswer, DirectClaim, DirectMessage } from './messages/direct.js';
export { laneOf } from './messages/lane.js';
export { UNDECIDED, type UnknownMessage } from './messages/leases.js';
export type { DeadEntry, OutboxEntry } from './messages/outbox.js';
export type { MessagePage, MessagePlace, MessageQuery } from './messages/list-messages.js';
export type { AttemptView, CallbackEntry, MessageView } from './messages/read.js';
export type { MessageKey, StateName } from './messages/states-of.js';
export type { StuckMessage, StuckReason } from './messages/stuck.js';
export type { UnfiledRecord } from './messages/unfiled.js';
export type { Vitals } from './messages/vitals.js';
export type { Retention } from './messages/retention.js';
export { REPORTED_FAILED, type Settled, type Settlement } from './messages/settle.js';
export {
  agreePartitions,
  type MigrationReport,
  migrate,
  migrationStatus,
  readInstallation,
  schemaVersion,
} from './migrate.js';
export { requirePartitions, WHAT_TO_DO_INSTEAD } from './partitions.js';
export { type Ownership, readAdmittedOffsets, TOPIC_ROLES, type TopicRole } from './ownership/ownership.js';
export { type Pause, pauseKey, type PauseTarget } from './pauses/pauses.js';
export { createPostgresLedger } from './postgres-ledger.js';
export {
  beat,
  changeGroup,
  type LiveMember,
  leaveGroup,
  type RateGroupState,
  readRateMode,
} from './rate-group/rate-group.js';
export {
  type BreakerView,
  type OpenBreaker,
  readBreakers,
  tellBreakers,
} from './breakers/breakers.js';
export { type LatencyCounts, readLatency, tellLatency } from './latency/latency.js';
export {
  beginReplay,
  endReplay,
  listReplays,
  type ReplayRanges,
  type ReplayState,
  type ReplayTally,
  readReplay,
  saveReplay,
  takeReplay,
} from './replays/replays.js';
export {
  erase,
  type ErasureOptions,
  type ErasurePlace,
  type ErasureScope,
  type ErasureTally,
  standsStill,
} from './erasure/erasure.js';
export {
  type AppliedOutcomes,
  applyOutcomes,
  beginRestore,
  finishRestore,
  readRestore,
  type Restore,
  type ToldOutcome,
} from './restore/restore.js';
export { type Listed, type RestoreReview, reviewRestore } from './restore/review.js';
export { type ReplayHold, whileHeld } from './replays/hold.js';
export { applyRoles, roleStatements } from './roles/apply-roles.js';
export { FUNCTION_GRANTS, ROLES, type Role, SEQUENCE_GRANTS, TABLE_GRANTS } from './roles/role-grants.js';
export { type KeyUse, readKeyUses, rotateCredentials } from './tenants/rotate-credentials.js';
export { type RestaurantLoad, readRestaurantLoads } from './tenants/restaurant-loads.js';
export { recipientOf, type Suppression } from './suppressions/suppressions.js';
export { LANE, type LaneState, MESSAGE, type StoredState } from './states.js';
export {
  apiKeyId,
  findPrincipal,
  generateApiKey,
  hashApiKey,
  noteKeyUses,
  type Principal,
  saveApiKey,
  validKeys,
} from './tenants/api-keys.js';
export { readTenantNumbers } from './tenants/tenant-numbers.js';
export {
  createKey,
  type KeyPlace,
  type KeyView,
  listKeys,
  type NewKey,
  revokeKey,
  rotateKey,
} from './tenants/key-management.js';
export { effectiveScopes, SCOPES, type Scope, scopesFor } from './tenants/scopes.js';
export { leftAccounts } from './tenants/left-accounts.js';
export {
  changeTenantLimits,
  createTenant,
  listTenants,
  readTenantView,
  restaurantIdsOf,
  resumeTenant,
  suspendByOperator,
  type TenantChange,
  type TenantLimits,
  type TenantView,
  tenantOfMessage,
  updateTenant,
} from './tenants/tenant-management.js';
export {
  type NewTenant,
  readAccountToken,
  readChangedTenants,
  readTenants,
  saveTenant,
  type Tenant,
} from './tenants/tenants.js';
