import type {
  Callback,
  CallbackDecision as Decision1,
  CallbackResult as Result1,
  CallbackView as View1,
} from '../messages/callbacks.js';
import type { Head, NewMessage as New1 } from '../messages/admit-sends.js';
import type { Candidate, Claim as Claim1, ClaimLimits } from '../messages/claim.js';
import type { Settled, Settlement as Settlement1 } from '../messages/settle.js';
import type { Ledger as Ledger1, Range } from '../ledger.js';
import type { DeadRecord } from '../messages/dead-records.js';
import type { Ownership as Ownership1, TopicRole } from '../ownership/ownership.js';
import type { UnknownMessage as Unknown1 } from '../messages/leases.js';
import type { Tenant as Tenant1 } from '../tenants/tenants.js';

// The port as the fake serves it, where it is ahead of ../ledger.ts.

export interface NewMessage extends New1 {
  readonly sender: string;
  readonly recipient: string;
}
export interface Claim extends Claim1 {
  readonly sender: string;
  readonly suppressed: boolean;
  readonly lastError: string | null;
}
export type Effect =
  | {
      readonly kind: 'suspend';
      readonly tenant: number;
      readonly accountSid: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'suppress';
      readonly tenant: number;
      readonly recipient: string;
      readonly address: string;
      readonly reason: string;
      readonly u: string;
    }
  | {
      readonly kind: 'pause';
      readonly tenant: number;
      readonly sender: string | null;
      readonly minMs: number;
      readonly maxMs: number;
      readonly reason: string;
    };
export interface Settlement extends Settlement1 {
  readonly effects?: readonly Effect[];
  readonly refund?: boolean;
}
export type CallbackDecision =
  | (Decision1 & { readonly kind: 'ignore' })
  | (Decision1 & { readonly kind: 'apply' } & {
      readonly retry?: { readonly due: number; readonly counted: boolean };
      readonly errorClass?: string;
      readonly effects?: readonly Effect[];
    });
export interface CallbackView extends View1 {
  readonly redrive: number;
  readonly retries: number;
  readonly acceptedAt: number;
  readonly sender: string;
  readonly recipient: string;
}
export type CallbackRule = (view: CallbackView | null, callback: Callback) => CallbackDecision;
export interface CallbackResult extends Omit<Result1, 'decision'> {
  readonly decision: CallbackDecision;
}
export interface Ownership extends Ownership1 {
  readonly clean: boolean;
}
export interface Tenant extends Tenant1 {
  readonly pausedUntil: number | null;
}
export interface Suppression {
  readonly recipient: string;
  readonly address: string;
  readonly reason: string;
  readonly at: number;
}
export interface Pause {
  readonly scope: 'all' | 'tenant' | 'sender';
  readonly tenant: number | null;
  readonly sender: string | null;
  readonly untilMs: number | null;
  readonly reason: string;
  readonly by: string;
}
export interface NewPause {
  readonly scope: Pause['scope'];
  readonly tenant?: number;
  readonly sender?: string;
  readonly untilMs: number | null;
  readonly reason: string;
  readonly by: string;
}
export interface PauseKey {
  readonly scope: Pause['scope'];
  readonly tenant?: number;
  readonly sender?: string;
}

export interface Ledger
  extends Omit<
    Ledger1,
    | 'takeOwnership'
    | 'claim'
    | 'settle'
    | 'leaveUndecided'
    | 'admitSends'
    | 'applyCallbacks'
    | 'suspendTenant'
    | 'listMessages'
  > {
  listMessages: Ledger1['listMessages'];
  takeOwnership(partition: number, member: string): Promise<Ownership>;
  giveBack(own: Ownership): Promise<void>;
  noteRange(own: Ownership, topic: TopicRole, range: Range): Promise<number>;
  admitSends(
    own: Ownership1,
    range: Range,
    messages: readonly NewMessage[],
    dead: readonly DeadRecord[],
  ): Promise<Head[]>;
  applyCallbacks(
    own: Ownership1,
    range: Range,
    callbacks: readonly Callback[],
    rule: CallbackRule,
    dead: readonly DeadRecord[],
  ): Promise<CallbackResult[]>;
  claim(
    owned: readonly Ownership1[],
    candidates: readonly Candidate[],
    limits: ClaimLimits,
  ): Promise<{ readonly claims: Claim[]; readonly fenced: number[] }>;
  settle(settlements: readonly Settlement[]): Promise<Settled[]>;
  leaveUndecided(
    tenant: number,
    u: string,
    attempt: number,
  ): Promise<{ readonly left: boolean; readonly next?: Head }>;
  listUnknown(tenant: number | null, most: number): Promise<Unknown1[]>;
  resolveUnknown(
    tenant: number,
    u: string,
    as: 'sent' | 'not_sent' | 'dead',
    decided: { readonly sid?: string; readonly by: string; readonly at: number },
  ): Promise<boolean>;
  releaseHeld(tenant: number, u: string): Promise<Head | undefined | null>;
  listSuppressions(tenant: number, most: number, after?: string): Promise<Suppression[]>;
  liftSuppression(tenant: number, recipient: string, by: string): Promise<boolean>;
  readPauses(): Promise<Pause[]>;
  setPause(pause: NewPause): Promise<void>;
  liftPause(pause: PauseKey & { readonly by: string }): Promise<boolean>;
  prune(limits: {
    readonly bodiesOlderThanMs: number;
    readonly idsOlderThanMs: number;
    readonly most: number;
  }): Promise<number>;
  readOrphanedOutbox(olderThanMs: number, most: number): ReturnType<Ledger1['readOutbox']>;
}
