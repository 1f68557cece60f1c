export interface SidCacheTimes {
  /** How long this process trusts its memory, in ms. */
  readonly memoryMs: number;
  /** How much longer it answers from memory while it looks again in the background, in ms. */
  readonly staleMs: number;
  /** How long a creator, with its finder, may take, in ms. The lock holds longer. */
  readonly creatorMs: number;
  /** How long a failed creation is not tried again by any process that shares Redis, in ms. */
  readonly failureMs: number;
  /** Between looks at what another process creates, in ms. */
  readonly pollMs: number;
}
