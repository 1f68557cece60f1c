import type { TemplateIdentity } from '../template-identity.js';

/** What a tier knows of a template. */
export interface TierAnswer {
  readonly sid: string | undefined;
  /** Where it has no SID: whether one was removed lately. Always false in a tier that does not remember removals. */
  readonly gone: boolean;
}

/**
 * What every tier can do. Each tells in its own words what it does besides; where they differ on purpose (which of two SIDs stays, for how
 * long, whether accounts can be listed) stands as data beside the suite that all of them pass.
 */
export interface SidTier {
  get(identity: TemplateIdentity): TierAnswer | Promise<TierAnswer>;
  /** Stores it; returns the SID that counts from now on. Undefined where it was removed lately, and is therefore not taken. */
  put(identity: TemplateIdentity, sid: string): string | Promise<string | undefined>;
  /**
   * Forgets it if it still is this one, and returns whether it was. A tier that remembers removals remembers this one, also where only
   * `went` says that there was one, elsewhere.
   */
  remove(identity: TemplateIdentity, sid: string, went?: boolean): boolean | Promise<boolean>;
}

export interface StoredSid {
  readonly identity: TemplateIdentity;
  readonly sid: string;
}

/** How long a removal explains a miss, in ms. */
export const GONE_MS = 600_000;
